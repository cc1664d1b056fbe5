import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoTopology } from '../src/commands/demo/topology.ts';
import { NODE_OPTIONS, PROGRAM } from '../src/lab/agent-process.ts';
import { spawnIn } from '../src/lab/namespace.ts';
import { cpuBetween, type ProcessCpu, processCpu, untilQuiet } from './cpu.ts';
import { eventQueue, untilDrained, untilListening } from './event-queue.ts';
import { judge } from './requirements.ts';
import type { Comparison, Section } from './section.ts';
import { median, rotated } from './statistics.ts';
import { count, ms, plain } from './text-table.ts';
import { createTraffic, type Traffic } from './traffic.ts';

const SHOWERS = ['conntrack -E', 'tail --all', 'tail --all --json'] as const;
type Shower = (typeof SHOWERS)[number];

interface Shown {
  readonly shower: Shower;
  readonly events: number;
  readonly drops: number;
  readonly cpu: ProcessCpu;
}

/** (h) Every event of ordinary connections shown: by conntrack -E, and with names by tail. Each writes to a file. */
export const compareTail: Comparison = async ({ tail: { connections, rounds } }, progress) => {
  const traffic = await createTraffic();
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-bench-'));
  const samples: Shown[] = [];
  try {
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(demoTopology(traffic.lab)));
    for (let round = 0; round < rounds; round++) {
      for (const shower of rotated(SHOWERS, round)) {
        progress(`${shower}, round ${round + 1} of ${rounds}: ${count(connections)} connections`);
        samples.push(await measure(traffic, shower, connections, folder));
      }
    }
  } finally {
    await traffic.lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return section(connections, samples);
};

async function measure(
  { lab, pass, letExpire }: Traffic,
  shower: Shower,
  connections: number,
  folder: string,
): Promise<Shown> {
  await lab.flush();
  const file = join(folder, 'shown');
  const stdout = openSync(file, 'w');
  const [command, ...args] = commandOf(shower, join(folder, 'cluster.json'));
  const child = spawnIn(lab.node, command!, args, { stdio: ['ignore', stdout, 'ignore'] });
  closeSync(stdout);
  const ended = once(child, 'close');
  const pid = child.pid!;
  await untilListening(pid);
  const before = await untilQuiet(pid);
  await pass(connections);
  await letExpire();
  await untilDrained(pid);
  const cpu = cpuBetween(before, processCpu(pid));
  const drops = eventQueue(pid)!.drops;
  child.kill('SIGINT');
  await ended;
  const events = readFileSync(file, 'latin1').match(
    /\[(?:NEW|UPDATE|DESTROY)\]|"event":"(?:new|update|destroy)"/g,
  );
  return { shower, events: events?.length ?? 0, drops, cpu };
}

/** conntrack -E with a buffer as large as tail's, so that both see the same. */
function commandOf(shower: Shower, topologyFile: string): string[] {
  if (shower === 'conntrack -E') return ['conntrack', '-E', '-b', String(64 * 2 ** 20)];
  const [, ...options] = shower.split(' ');
  const names = ['--node-name', 'demo-node', '--topology', `file:${topologyFile}`];
  return [process.execPath, ...NODE_OPTIONS, PROGRAM, 'tail', ...options, ...names];
}

function section(connections: number, samples: readonly Shown[]): Section {
  const middle = (shower: Shower, figure: (shown: Shown) => number) =>
    median(samples.filter((sample) => sample.shower === shower).map(figure));
  const perEvent = (shower: Shower) => middle(shower, ({ cpu, events }) => (cpu.exactMs * 1000) / events);
  const ratio = (shower: Shower) => perEvent(shower) / perEvent('conntrack -E');
  const tails = SHOWERS.filter((shower) => shower !== 'conntrack -E');
  const worst = Math.max(...tails.map(perEvent));
  const lost = Math.max(
    ...samples.filter(({ shower }) => shower !== 'conntrack -E').map(({ drops }) => drops),
  );
  return {
    id: 'h',
    title: `Every event of ${count(connections)} short connections shown, to a file`,
    rows: [
      ['shown by', 'events', 'lost', 'CPU ms', 'us/event', 'events a second of CPU', 'ratio'],
      ...SHOWERS.map((shower) => [
        shower,
        count(middle(shower, ({ events }) => events)),
        count(middle(shower, ({ drops }) => drops)),
        ms(middle(shower, ({ cpu }) => cpu.exactMs)),
        perEvent(shower).toFixed(1),
        count(Math.round(1e6 / perEvent(shower))),
        plain(ratio(shower)),
      ]),
    ],
    notes: [
      'tail has names, the findings, and JSON with both tuples; conntrack -E has addresses. What tail needs for the',
      'snapshot at its start is left out, as is the start of each.',
    ],
    verdicts: [judge('tailLost', lost), judge('tailCpu', worst)],
    data: { samples, ratios: Object.fromEntries(tails.map((shower) => [shower, ratio(shower)])) },
  };
}
