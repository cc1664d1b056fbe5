import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import type { Namespace } from '../../src/lab/namespace.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Runs a synchronous function with this thread inside the network namespace, then brings it back. Sockets belong
 * to the namespace they were opened in for good; setns(2) moves the calling thread only, so nothing may be awaited.
 */
export function inNamespace<T>(namespace: Namespace, work: () => T): T {
  const setns = koffi.load(null).func('int setns(int, int)');
  const enter = (path: string) => {
    const fd = openSync(path, 'r');
    const result = setns(fd, CLONE_NEWNET);
    closeSync(fd);
    if (result !== 0) throw new Error(`setns to ${path}: errno ${koffi.errno()}`);
  };
  const home = openSync('/proc/self/ns/net', 'r');
  enter(`/var/run/netns/${namespace.name}`);
  try {
    return work();
  } finally {
    enter(`/proc/self/fd/${home}`);
    closeSync(home);
  }
}
