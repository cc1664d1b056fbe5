import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** How many processes to remember of a namespace: the first may have ended when it is read. */
const MOST_PIDS = 3;
/**
 * What /proc says of a process that ended: its folder is gone (ENOENT) or empty (ESRCH); its namespace is being
 * taken down (ENXIO, seq_open_net of fs/proc/proc_net.c).
 */
const ENDED: readonly (string | undefined)[] = ['ENOENT', 'ESRCH', 'ENXIO'];

/**
 * Called after each bit of work. Returns a promise when the event loop should have its turn, to be awaited before
 * the next bit.
 */
export type Breathe = () => Promise<void> | undefined;

export interface NetworkNamespace {
  /** st_ino of net/tcp of its processes: the one below is the same for all of them, and no other namespace's. */
  readonly inode: number;
  /** Some of the processes in it. */
  readonly pids: readonly string[];
}

export interface NamespaceSearch {
  readonly namespaces: readonly NetworkNamespace[];
  /** Processes that could not be looked into; those that ended meanwhile are none. */
  readonly unreadable: number;
  /** Path and error code of the first of them. */
  readonly problem: string | undefined;
}

/**
 * The network namespaces of the processes under `proc`. What tells them apart is the inode number of PID/net/tcp: each
 * namespace has its own entries in /proc, and unlike PID/ns/net, which needs ptrace rights, anyone may look at them.
 * A namespace without a process (kept by a mount or an open socket) is not found. Takes some 10 µs a process.
 */
export async function findNetworkNamespaces(proc: string, breathe: Breathe): Promise<NamespaceSearch> {
  const pidsOf = new Map<number, string[]>();
  let unreadable = 0;
  let problem: string | undefined;
  const fail = (path: string, error: unknown) => {
    unreadable += 1;
    problem ??= problemOf(path, error);
  };
  const names = await readdir(proc).catch((error: unknown) => fail(proc, error));
  for (const name of names ?? []) {
    if (!/^\d+$/.test(name)) continue;
    const path = join(proc, name, 'net/tcp');
    try {
      // Not asynchronous: that takes several times as long, and there is nothing in /proc to wait for.
      const inode = statSync(path, { throwIfNoEntry: false })?.ino;
      if (inode !== undefined) remember(pidsOf, inode, name);
    } catch (error) {
      if (!hasEnded(error)) fail(path, error);
    }
    const pause = breathe();
    if (pause !== undefined) await pause;
  }
  return { namespaces: [...pidsOf].map(([inode, pids]) => ({ inode, pids })), unreadable, problem };
}

function remember(pidsOf: Map<number, string[]>, inode: number, pid: string): void {
  const pids = pidsOf.get(inode);
  if (pids === undefined) pidsOf.set(inode, [pid]);
  else if (pids.length < MOST_PIDS) pids.push(pid);
}

/** Processes under `proc`; kernel threads among them are a sign that it is the node's own. */
export function countProcesses(proc: string): {
  readonly processes: number;
  readonly kernelThreads: boolean;
} {
  const processes = readdirSync(proc).filter((name) => /^\d+$/.test(name)).length;
  let second = '';
  try {
    second = readFileSync(join(proc, '2/comm'), 'utf8').trim();
  } catch {
    // Nobody has the number 2 here, or may know.
  }
  return { processes, kernelThreads: second === 'kthreadd' };
}

/** Whether an error is that of a process which is no longer there. */
export function hasEnded(error: unknown): boolean {
  return ENDED.includes((error as NodeJS.ErrnoException).code);
}

/** `/proc/12/net/tcp: EACCES` */
export function problemOf(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `${path}: ${code ?? message}`;
}
