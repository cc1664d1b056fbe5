import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { atExit, existingNamespaces, namespaceName, removeNamespaces, sweepLeftovers } from './cleanup.ts';
import { ended, runCommand } from './run-command.ts';

/** A network namespace by its name in /var/run/netns, and the programs started in it. */
export interface Namespace {
  readonly name: string;
  readonly children: Set<ChildProcess>;
}

/** Namespaces that are created and closed together. */
export interface NamespaceSet<Role extends string> {
  readonly of: Readonly<Record<Role, Namespace>>;
  /** Kills every process in them and deletes them. Resolves when the children are reaped. Repeatable. */
  close(): Promise<void>;
}

/**
 * Creates one namespace per role. They disappear with `close()`, and also when this process ends in any way
 * but SIGKILL; leftovers of processes that ended so are swept here.
 */
export async function createNamespaces<Role extends string>(
  roles: readonly Role[],
): Promise<NamespaceSet<Role>> {
  sweepLeftovers();
  const random = randomBytes(3).toString('hex');
  const namespaces = roles.map((role): [Role, Namespace] => [
    role,
    { name: namespaceName(random, role), children: new Set() },
  ]);
  const names = namespaces.map(([, namespace]) => namespace.name);
  const children = () => namespaces.flatMap(([, namespace]) => [...namespace.children]);
  const remove = () => {
    // A child that has just been started may not have entered its namespace yet: kill it directly.
    for (const child of children()) child.kill('SIGKILL');
    removeNamespaces(names);
  };
  const handler = atExit(remove);
  const close = async () => {
    remove();
    await Promise.all(children().map(ended));
    handler.forget();
    const left = existingNamespaces().filter((name) => names.includes(name));
    if (left.length > 0) throw new Error(`could not delete the namespaces ${left.join(', ')}`);
  };
  try {
    await runCommand('ip', ['-batch', '-'], names.map((name) => `netns add ${name}\n`).join(''));
  } catch (error) {
    await close();
    throw error;
  }
  return { of: Object.fromEntries(namespaces) as Record<Role, Namespace>, close };
}

/** Runs a command inside the namespace to its end; returns its stdout, rejects with command and stderr. */
export function exec(
  namespace: Namespace,
  command: string,
  args: readonly string[] = [],
  input = '',
): Promise<string> {
  return runCommand('ip', ['netns', 'exec', namespace.name, command, ...args], input);
}

/** Sets one sysctl of the namespace, for example `net.netfilter.nf_conntrack_tcp_loose`. */
export async function sysctl(namespace: Namespace, name: string, value: number | string): Promise<void> {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  await exec(namespace, 'sh', ['-c', 'echo "$1" > "$2"', 'sysctl', String(value), path]);
}

/**
 * Starts a program inside the namespace and leaves it running; closing the namespaces kills it.
 * `ip netns exec` becomes the program, so the pid is the program's and an IPC channel survives.
 */
export function spawnIn(
  namespace: Namespace,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace.name, command, ...args], options);
  namespace.children.add(child);
  child.once('exit', () => namespace.children.delete(child));
  return child;
}
