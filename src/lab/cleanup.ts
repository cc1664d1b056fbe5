/**
 * A lab must leave nothing behind, however its process ends:
 *
 *   close()              the ordinary way
 *   exit, exception      an 'exit' handler, synchronous, as good as it gets
 *   SIGINT and the like  a handler, unless the program has its own: then its end is an ordinary exit
 *   SIGKILL              nobody can; the next lab sweeps what belongs to a process that is gone
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';

/** Where iproute2 keeps the names of network namespaces. */
const NETNS_DIR = '/var/run/netns';

const PREFIX = 'cw';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// The handlers of a process are global, so what they clean up has to be.
const open = new Set<() => void>();

/** `cw-<pid>-<random>-<role>`: says who made it, and two runs at once never collide. */
export function namespaceName(random: string, role: string): string {
  return `${PREFIX}-${process.pid}-${random}-${role}`;
}

/** `cleanUp`, which has to be synchronous, runs when the process ends before `forget` was called. */
export function atExit(cleanUp: () => void): { forget(): void } {
  if (open.size === 0) {
    process.on('exit', onExit);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  open.add(cleanUp);
  return {
    forget() {
      open.delete(cleanUp);
      if (open.size === 0) removeHandlers();
    },
  };
}

/** Kills what runs in these namespaces and deletes them. Synchronous; what is gone already is no error. */
export function removeNamespaces(names: readonly string[]): void {
  for (const pid of processesIn(names)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended between the look and the kill.
    }
  }
  const lines = names.map((name) => `netns del ${name}\n`).join('');
  spawnSync('ip', ['-force', '-batch', '-'], { input: lines, stdio: ['pipe', 'ignore', 'ignore'] });
}

/** Removes the namespaces of processes that no longer exist, for example after SIGKILL. */
export function sweepLeftovers(): void {
  const leftovers = existingNamespaces().filter((name) => {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  if (leftovers.length > 0) removeNamespaces(leftovers);
}

/** The namespaces that have a name. */
export function existingNamespaces(): string[] {
  try {
    return readdirSync(NETNS_DIR);
  } catch {
    return []; // The first `ip netns add` after boot makes the directory.
  }
}

/** The processes, other than this one, whose network namespace is one of these. */
function processesIn(names: readonly string[]): number[] {
  const inodes = new Set(names.map(inodeOf));
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && inodes.has(networkInodeOf(pid)));
}

function inodeOf(name: string): string {
  try {
    return `net:[${statSync(`${NETNS_DIR}/${name}`).ino}]`;
  } catch {
    return `${name} does not exist`;
  }
}

function networkInodeOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ''; // Ended meanwhile, or a zombie.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function onExit(): void {
  for (const cleanUp of open) cleanUp();
}

function onSignal(signal: NodeJS.Signals): void {
  // Somebody else listens too: ending is their decision, and our 'exit' handler follows it.
  if (process.listenerCount(signal) > 1) return;
  onExit();
  open.clear();
  removeHandlers();
  process.kill(process.pid, signal);
}

function removeHandlers(): void {
  process.off('exit', onExit);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
