import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { NODE_OPTIONS, PROGRAM } from '../../src/lab/agent-process.ts';
import { type Namespace, spawnIn } from '../../src/lab/namespace.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `tail`, running in a namespace. */
export interface TailProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Waits until it has written a line that fits, which may be one from before; gives all lines so far. */
  until(fits: (line: string) => boolean, what: string): Promise<readonly string[]>;
  readonly ended: Promise<Ended>;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

export const TIMEOUT_MS = 20_000;

/** Resolves when it has subscribed. Its stdout is read unless `paused`. */
export async function startTail(
  namespace: Namespace,
  args: readonly string[],
  paused = false,
): Promise<TailProcess> {
  const child = spawnIn(namespace, process.execPath, [...NODE_OPTIONS, PROGRAM, 'tail', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout!.setEncoding('utf8');
  if (!paused) {
    child.stdout!.on('data', (text: string) => {
      stdout += text;
    });
  }
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  await untilTrue(
    () => eventSocket(child.pid!) !== undefined || child.exitCode !== null,
    () => `tail does not listen: ${stderr}`,
  );
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    async until(fits, what) {
      const lines = () => stdout.split('\n').slice(0, -1);
      await untilTrue(
        () => lines().some(fits),
        () => `no ${what} in:\n${stdout.slice(-10_000)}\n${stderr}`,
      );
      return lines();
    },
    ended,
    stop(signal = 'SIGINT') {
      child.kill(signal);
      return ended;
    },
  };
}

/** The kernel's account of the socket by which a process listens to conntrack. */
export interface EventSocketRow {
  readonly groups: number;
  readonly queuedBytes: number;
  readonly drops: number;
}

/** Columns of /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
export function eventSocket(pid: number): EventSocketRow | undefined {
  const own = new Set(descriptorsOf(pid));
  for (const line of readText(`/proc/${pid}/net/netlink`).split('\n')) {
    const [, protocol, , groups = '', queued, , , , drops, inode] = line.trim().split(/\s+/);
    if (protocol !== '12' || /^0*$/.test(groups) || !own.has(`socket:[${inode}]`)) continue;
    return { groups: Number.parseInt(groups, 16), queuedBytes: Number(queued), drops: Number(drops) };
  }
  return undefined;
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // Closed since it was listed.
      }
    });
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export async function untilTrue(holds: () => boolean, complaint: () => string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(complaint());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
