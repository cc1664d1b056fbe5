import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { existingNamespaces } from '../../src/lab/cleanup.ts';
import { createLab, type Lab, type LabOptions } from '../../src/lab/lab.ts';

/** Labs of tests that are running, those that are being built too. */
let labs = 0;

/** A lab that is closed when the test ends; closing must leave nothing behind. */
export async function createTestLab(t: TestContext, options: LabOptions): Promise<Lab> {
  labs++;
  const building = createLab(options);
  t.after(async () => {
    try {
      // Of several that are built at once one may fail while others are not ready; what fails closes itself.
      const lab = await building.catch(() => undefined);
      await lab?.close();
    } finally {
      labs--;
    }
    // While others have labs nobody can tell what is left from what is theirs: the last one looks.
    if (labs === 0) assertNothingLeft();
  });
  return await building;
}

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
