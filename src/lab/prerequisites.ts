import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { namespaceName } from './cleanup.ts';

const TOOLS = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  'ip6tables-restore': 'iptables',
  nft: 'nftables',
  conntrack: 'conntrack',
} as const;

/**
 * Why no lab can be built on this machine, one sentence each; empty if one can. Takes some 20 ms and tries to
 * create a namespace: ask once.
 */
export function missingPrerequisites(): string[] {
  if (process.platform !== 'linux') return [`The lab needs Linux; this is ${process.platform}.`];
  const missing = Object.entries(TOOLS)
    .filter(([tool]) => spawnSync(tool, ['--version']).error !== undefined)
    .map(([tool, pkg]) => `The program ${tool} is missing (package ${pkg}).`);
  if (process.getuid?.() !== 0) missing.push('The lab needs root: it creates network namespaces.');
  // Without root or `ip` the attempt would only say the same again.
  return missing.length > 0 ? missing : namespaceProblems();
}

function namespaceProblems(): string[] {
  const name = namespaceName(randomBytes(3).toString('hex'), 'probe');
  const made = run('ip', ['netns', 'add', name]);
  if (made !== undefined) return [`No network namespace can be created: ${made}.`];
  try {
    // The first use of nat loads the kernel's modules, where it has them.
    const nat = run('ip', [
      'netns',
      'exec',
      name,
      'nft',
      'add table ip t; add chain ip t c { type nat hook prerouting priority 0; }',
    ]);
    return nat === undefined ? [] : [`The kernel has no NAT for network namespaces: ${nat}.`];
  } finally {
    run('ip', ['netns', 'del', name]);
  }
}

/** Undefined when the command succeeds, else what it said. */
function run(command: string, args: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().replaceAll('\n', '; ') || `exit code ${status}`);
}
