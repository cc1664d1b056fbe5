import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { PROGRAM } from '../../src/lab/agent-process.ts';
import { exec, type Namespace, spawnIn } from '../../src/lab/namespace.ts';

const WAIT_MS = 10_000;

/** `conntrack -E`, running. */
export interface Recorder {
  /** Waits until this was recorded, ends the recording, and returns it. */
  until(pattern: RegExp): Promise<string>;
}

/** Starts it in a namespace where nobody listens yet; resolves when it does. The namespace's end is its own. */
export async function record(namespace: Namespace, options: readonly string[] = []): Promise<Recorder> {
  const args = ['-E', '-o', 'timestamp,id', '-b', String(16 * 2 ** 20), ...options];
  const child = spawnIn(namespace, 'conntrack', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    stderr += part;
  });
  const poll = async (holds: () => Promise<boolean> | boolean, what: string) => {
    const deadline = performance.now() + WAIT_MS;
    while (!(await holds())) {
      if (child.exitCode !== null) throw new Error(`conntrack -E ended: ${stderr}`);
      if (performance.now() > deadline) throw new Error(`conntrack -E never ${what}:\n${text.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  // The first socket of NETLINK_NETFILTER (12) that is in a group of events; its port id need not be the process's.
  const isListening = /^\S+\s+12\s+\d+\s+0*[1-9a-f]/m;
  await poll(async () => isListening.test(await exec(namespace, 'cat', ['/proc/net/netlink'])), 'listened');
  return {
    async until(pattern) {
      await poll(() => pattern.test(text), `recorded ${pattern}`);
      const ended = once(child, 'close');
      child.kill('SIGINT');
      await ended;
      return text;
    },
  };
}

/** Runs `replay` on a recording; what it printed. Fails if it does. */
export function replay(recording: string, args: readonly string[] = []): string {
  const command = [PROGRAM, 'replay', ...args, '-'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    input: recording,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`replay ended with ${status}: ${stderr}`);
  return stdout;
}
