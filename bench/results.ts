import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Section } from './section.ts';
import type { Settings } from './settings.ts';

const FOLDER = join(import.meta.dirname, 'results');

/** Where the figures were taken: they compare only within one machine. */
export function machine() {
  return {
    cores: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
  };
}

/** Writes everything that was measured; returns the path. */
export function writeResults(startedAt: Date, settings: Settings, sections: readonly Section[]): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${startedAt.toISOString().replaceAll(':', '-')}.json`);
  const results = {
    startedAt: startedAt.toISOString(),
    quick: settings.quick,
    machine: machine(),
    settings,
    comparisons: Object.fromEntries(
      sections.map(({ id, title, data }) => [id, { title, ...(data as object) }]),
    ),
    requirements: sections.flatMap(({ verdicts }) => verdicts),
  };
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  return path;
}
