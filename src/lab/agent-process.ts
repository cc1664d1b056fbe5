import type { ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Namespace, spawnIn } from './namespace.ts';

/** A line of the agent's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string; readonly msg: string };

/** The program, running as the agent in a namespace. */
export interface AgentProcess {
  readonly pid: number;
  /** Where it serves, `http://127.0.0.1:PORT`: reachable inside the namespace only. */
  readonly url: string;
  /** Every line it logged so far. */
  readonly lines: readonly LogLine[];
  /** The first line that fits, also one that was logged before. Rejects if the agent ends or time is over. */
  waitFor(fits: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** What it wrote to stderr so far. */
  stderr(): string;
  /** Sends the signal and resolves with the exit status (null: killed by a signal) when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Next to this folder; when the program has been bundled, next to the file that this is in. */
export const PROGRAM = join(
  import.meta.dirname,
  extname(import.meta.filename) === '.js' ? 'main.js' : '../main.ts',
);

/** As scripts/environment has it start. */
export const NODE_OPTIONS = ['--max-semi-space-size=1', '--optimize-for-size', '--no-maglev'];

/** Another program than this one's source: one that was built, or one run by a wrapper. */
export interface AgentProgram {
  /** What comes before the word `agent`. */
  readonly command: readonly string[];
  readonly cwd: string;
}

/**
 * Starts `agent` with these options, listening on any free port of the loopback interface; resolves when it
 * watches. Rejects with what it wrote to stderr if it ends before.
 */
export async function startAgent(
  namespace: Namespace,
  options: readonly string[] = [],
  program: AgentProgram = { command: [process.execPath, ...NODE_OPTIONS, PROGRAM], cwd: process.cwd() },
): Promise<AgentProcess> {
  const [executable = '', ...args] = program.command;
  const all = [...args, 'agent', '--listen', '127.0.0.1:0', ...options];
  const child = spawnIn(namespace, executable, all, {
    cwd: program.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
  const lines: LogLine[] = [];
  const waiting = new Set<(line: LogLine | undefined) => void>();
  const tell = (line: LogLine | undefined) => {
    for (const wake of [...waiting]) wake(line);
  };
  let stderr = '';
  let ended = false;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    tell(line);
  });
  child.once('close', () => {
    ended = true;
    tell(undefined);
  });
  const waitFor = (fits: (line: LogLine) => boolean, timeoutMs = 10_000) =>
    new Promise<LogLine>((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error('no such line in the log of the agent')), timeoutMs);
      const settle = (result: LogLine | Error) => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      const wake = (line: LogLine | undefined) => {
        if (line === undefined) settle(new Error(`the agent ended: ${stderr.trim()}`));
        else if (fits(line)) settle(line);
      };
      waiting.add(wake);
      const known = lines.find(fits);
      if (known) settle(known);
      else if (ended) wake(undefined);
    });

  const [listening] = await Promise.all([
    waitFor((line) => line.event === 'http_listening'),
    waitFor((line) => line.event === 'agent_started'),
  ]);
  return {
    pid: child.pid!,
    url: String(listening['url']),
    lines,
    waitFor,
    stderr: () => stderr,
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  };
}

function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code));
    child.kill(signal);
  });
}
