import assert from 'node:assert/strict';
import type { Lab } from '../../src/lab/lab.ts';

/** An entry of the lab's Service, as `conntrack -L` lists it; expired ones are not listed. */
export interface ListedEntry {
  readonly state: string;
  /** Seconds left. */
  readonly left: number;
  /** Of the original direction. */
  readonly src: string;
  readonly sport: number;
  readonly text: string;
}

export async function listEntries(lab: Lab): Promise<readonly ListedEntry[]> {
  const listed = await lab.conntrackList();
  return [...listed.matchAll(/^tcp +6 (\d+) (\w+) src=(\S+) dst=(\S+) sport=(\d+) .*$/gm)].flatMap(
    ([text, left, state, src, dst, sport]) =>
      dst === lab.service.ip
        ? [{ state: state!, left: Number(left), src: src!, sport: Number(sport), text }]
        : [],
  );
}

/** Looks until the condition holds; returns the seconds until then. Fails with the last table. */
export async function untilEntries(
  lab: Lab,
  holds: (entries: readonly ListedEntry[]) => boolean,
  what: string,
  timeoutMs = 15_000,
): Promise<number> {
  const begunAtMs = performance.now();
  for (;;) {
    const entries = await listEntries(lab);
    if (holds(entries)) return (performance.now() - begunAtMs) / 1000;
    if (performance.now() - begunAtMs > timeoutMs) {
      assert.fail(`never ${what}:\n${entries.map(({ text }) => text).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
