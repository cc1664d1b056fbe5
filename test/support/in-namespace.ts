import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import type { Namespace } from '../../src/lab/namespace.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Runs a synchronous function with this thread inside the network namespace, then brings it back. Sockets belong
 * to the namespace they were opened in for good; setns(2) moves the calling thread only, so nothing may be awaited.
 */
export function inNamespace<T>(namespace: Namespace, work: () => T): T {
  const leave = enter(namespace);
  try {
    return work();
  } finally {
    leave();
  }
}

/** The same for as long as `work` takes: only while nothing else goes on in this process. */
export async function stayInNamespace<T>(namespace: Namespace, work: () => Promise<T>): Promise<T> {
  const leave = enter(namespace);
  try {
    return await work();
  } finally {
    leave();
  }
}

/** Returns what brings the thread back. */
function enter(namespace: Namespace): () => void {
  const setns = koffi.load(null).func('int setns(int, int)');
  const moveTo = (path: string) => {
    const fd = openSync(path, 'r');
    const result = setns(fd, CLONE_NEWNET);
    closeSync(fd);
    if (result !== 0) throw new Error(`setns to ${path}: errno ${koffi.errno()}`);
  };
  const home = openSync('/proc/self/ns/net', 'r');
  moveTo(`/var/run/netns/${namespace.name}`);
  return () => {
    moveTo(`/proc/self/fd/${home}`);
    closeSync(home);
  };
}
