/** `npm run bench`: the agent and conntrack -E and -L of conntrack-tools side by side, in one run. */
import { relative } from 'node:path';
import { missingPrerequisites } from '../src/lab/prerequisites.ts';
import { compareFlush } from './flush.ts';
import { measureLatency } from './latency.ts';
import { compareListenerCpu } from './listener-cpu.ts';
import { compareMachineCpu } from './machine-cpu.ts';
import { measureMemory } from './memory.ts';
import { compareProtect } from './protect.ts';
import { compareReplay } from './replay.ts';
import { machine, writeResults } from './results.ts';
import { measureScale } from './scale.ts';
import type { Comparison, Section } from './section.ts';
import { type ComparisonId, parseCommandLine, type Settings } from './settings.ts';
import { compareSnapshot } from './snapshot.ts';
import { compareTail } from './tail.ts';
import { sectionText, verdictText } from './text-table.ts';

const RUN: Readonly<Record<ComparisonId, Comparison>> = {
  a: compareListenerCpu,
  b: compareMachineCpu,
  c: compareFlush,
  d: measureLatency,
  e: compareSnapshot,
  f: measureMemory,
  g: measureScale,
  h: compareTail,
  i: compareReplay,
  j: compareProtect,
};

/** Returns the exit status. */
async function main(): Promise<number> {
  const line = parseCommandLine(process.argv.slice(2));
  if ('help' in line) {
    process.stdout.write(line.help);
    return 0;
  }
  if ('problem' in line) {
    process.stderr.write(`bench: ${line.problem}\n`);
    return 2;
  }
  const missing = missingPrerequisites();
  if (missing.length > 0) throw new Error(`cannot run here: ${missing.join(' ')}`);
  return await compareAll(line.settings);
}

async function compareAll(settings: Settings): Promise<number> {
  const startedAt = new Date();
  const begin = performance.now();
  const { cores, kernel, node } = machine();
  const small = settings.quick ? ' QUICK RUN: small numbers, the figures say little.' : '';
  process.stdout.write(
    `conntrack-watchdog bench on ${cores} cores, Linux ${kernel}, Node.js ${node}.${small}\n`,
  );
  const sections: Section[] = [];
  for (const id of settings.only) {
    const section = await RUN[id](settings, (text) => {
      const seconds = ((performance.now() - begin) / 1000).toFixed(0).padStart(3);
      process.stderr.write(`bench: ${seconds} s  (${id}) ${text}\n`);
    });
    sections.push(section);
    process.stdout.write(`\n${sectionText(section)}`);
  }
  const path = writeResults(startedAt, settings, sections);
  process.stdout.write(`\n${verdictText(sections)}\n`);
  process.stdout.write(`Every sample is in ${relative(process.cwd(), path)}.${small}\n`);
  return sections.every(({ verdicts }) => verdicts.every(({ met }) => met)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
