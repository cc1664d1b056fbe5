import { parseArgs } from 'node:util';

/** One letter a comparison, as `--only` takes them. */
export const COMPARISONS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'] as const;
export type ComparisonId = (typeof COMPARISONS)[number];

/** How much of everything. */
export interface Settings {
  readonly quick: boolean;
  readonly only: readonly ComparisonId[];
  /** (a) Connections that pass while one listener runs, and how often each listener has its turn. */
  readonly listenerCpu: { readonly connections: number; readonly loads: number };
  /** (b) Connections of a slice, and how many slices with each listener and with none: a multiple of 3. */
  readonly machineCpu: { readonly connections: number; readonly rounds: number };
  /** (c) Entries that are flushed at once, and how often for each listener. */
  readonly flush: { readonly entries: number; readonly rounds: number };
  /** (d) Connections that are broken, one at a time. */
  readonly latency: { readonly breaks: number };
  /**
   * (e) Entries of the table, how often it is read by each, processes whose pauses are taken, and snapshots of each
   * after its first.
   */
  readonly snapshot: {
    readonly entries: number;
    readonly rounds: number;
    readonly processes: number;
    readonly laterSnapshots: number;
  };
  /** (f) Two sizes of the table, snapshots before the memory is looked at, and agents for each size. */
  readonly memory: {
    readonly entries: number;
    readonly manyEntries: number;
    readonly snapshots: number;
    readonly rounds: number;
  };
  /**
   * (g) Services of two clusters, each with ten endpoints, agents for each, seconds without a change, changes that are
   * not counted, and those that are.
   */
  readonly scale: {
    readonly services: number;
    readonly manyServices: number;
    readonly rounds: number;
    readonly idleSeconds: number;
    readonly warmUpChanges: number;
    readonly changes: number;
  };
  /** (h) Connections that pass while one shows their events, and how often each has its turn. */
  readonly tail: { readonly connections: number; readonly rounds: number };
  /** (i) Lines of two recordings, and how often each is read. */
  readonly replay: { readonly lines: number; readonly fewLines: number; readonly rounds: number };
  /** (j) Open connections, rounds with two agents for each load, and rounds whose pauses are taken after the first. */
  readonly protect: {
    readonly connections: number;
    readonly rounds: number;
    readonly laterSnapshots: number;
  };
}

export const FULL: Omit<Settings, 'only'> = {
  quick: false,
  listenerCpu: { connections: 100_000, loads: 2 },
  machineCpu: { connections: 2_000, rounds: 36 },
  flush: { entries: 100_000, rounds: 3 },
  latency: { breaks: 300 },
  snapshot: { entries: 250_000, rounds: 12, processes: 5, laterSnapshots: 5 },
  memory: { entries: 250_000, manyEntries: 1_000_000, snapshots: 5, rounds: 2 },
  scale: {
    services: 1_000,
    manyServices: 10_000,
    rounds: 2,
    idleSeconds: 15,
    warmUpChanges: 500,
    changes: 2_000,
  },
  tail: { connections: 50_000, rounds: 3 },
  replay: { lines: 6_000_000, fewLines: 300_000, rounds: 3 },
  protect: { connections: 50_000, rounds: 8, laterSnapshots: 5 },
};

/** Small numbers, to see that everything works: its figures say little. */
export const QUICK: Omit<Settings, 'only'> = {
  quick: true,
  listenerCpu: { connections: 12_000, loads: 1 },
  machineCpu: { connections: 1_000, rounds: 9 },
  flush: { entries: 20_000, rounds: 1 },
  latency: { breaks: 50 },
  snapshot: { entries: 20_000, rounds: 3, processes: 1, laterSnapshots: 3 },
  memory: { entries: 20_000, manyEntries: 50_000, snapshots: 2, rounds: 1 },
  scale: { services: 100, manyServices: 1_000, rounds: 1, idleSeconds: 2, warmUpChanges: 50, changes: 150 },
  tail: { connections: 6_000, rounds: 1 },
  replay: { lines: 700_000, fewLines: 300_000, rounds: 1 },
  protect: { connections: 2_000, rounds: 3, laterSnapshots: 3 },
};

export const USAGE = `npm run bench [-- --quick] [--only LETTERS]

Compares the agent with conntrack -E and -L of conntrack-tools, both on the same load in network namespaces
of their own: a table on stdout, progress on stderr, every sample in bench/results/TIME.json. Needs root.
Exit status 0: every requirement was met; 1: one was not, or the run failed; 2: bad usage.

  --quick          small numbers, to see that it works
  --only a,c       only these comparisons:
                   a  CPU of the listener while short connections pass
                   b  CPU of the whole machine per connection
                   c  a flush of all entries at once
                   d  time from the kernel's last event to the counter
                   e  a snapshot of the whole table: CPU, and pauses of the event loop
                   f  resident memory with many entries
                   g  names of a cluster with many Services: memory, CPU, bytes of the API server
                   h  every event shown: tail --all beside conntrack -E
                   i  replay of a recording: lines a second on one core, and memory
                   j  entries of open connections renewed: CPU of a round, and pauses of the event loop
`;

export type CommandLine =
  | { readonly settings: Settings }
  | { readonly help: string }
  | { readonly problem: string };

export function parseCommandLine(args: readonly string[]): CommandLine {
  const options = {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    help: { type: 'boolean' },
  } as const;
  let values: { quick?: boolean; only?: string; help?: boolean };
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    return { problem: (error as Error).message };
  }
  if (values.help) return { help: USAGE };
  const wanted = values.only?.split(',') ?? COMPARISONS;
  const unknown = wanted.find((letter) => !COMPARISONS.some((id) => id === letter));
  if (unknown !== undefined) {
    return {
      problem: `--only ${values.only}: there is no comparison "${unknown}", only ${COMPARISONS.join(', ')}`,
    };
  }
  const only = COMPARISONS.filter((id) => wanted.includes(id));
  return { settings: { ...(values.quick ? QUICK : FULL), only } };
}
