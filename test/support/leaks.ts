import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { existingNamespaces } from '../../src/lab/cleanup.ts';

/** Fails if this process has a network namespace or a child left. */
export function assertNothingLeft(): void {
  assert.deepEqual(ownNamespaces(process.pid), [], 'namespaces left');
  assert.deepEqual(childrenOf(process.pid), [], 'child processes left');
}

/** The namespaces of labs that this process made. */
export function ownNamespaces(pid: number): string[] {
  return existingNamespaces().filter((name) => name.startsWith(`cw-${pid}-`));
}

/** The children of a process, zombies too. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && statOf(pid).split(') ').at(-1)?.split(' ')[1] === String(parent));
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ''; // Ended meanwhile.
  }
}
