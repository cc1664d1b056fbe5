/** What the agent has to keep. Ratios and counts, because times depend on the machine. */
const REQUIREMENTS = {
  listenerCpu: { what: '(a) CPU while ordinary connections pass, agent / conntrack -E', atMost: 1 / 50 },
  machineCpu: { what: '(b) CPU of the whole machine, agent / no listener, by round', atMost: 1.1 },
  flushLost: { what: '(c) events of a flush the agent lost with its own buffer', atMost: 0 },
  flushCpu: { what: '(c) CPU per message of a flush, agent / conntrack -E', atMost: 1 },
  flushAccount: { what: '(c) events_total, events_lost_total (also at 256Ki) off the kernel by', atMost: 0 },
  delayP99: { what: '(d) last event to counter, p99 in ms', atMost: 20 },
  snapshotCpu: { what: '(e) CPU of a snapshot, agent / conntrack -L', atMost: 0.6 },
  snapshotPause: {
    what: '(e) longest work in one turn of the event loop during snapshots, in ms',
    atMost: 25,
  },
  memory: { what: '(f) resident memory with 250,000 flows, in MB', atMost: 150 },
  manyMemory: { what: '(f) resident memory with 1,000,000 flows, in MB', atMost: 230 },
  namesMemory: { what: '(g) resident memory with names of a small cluster, in MB', atMost: 100 },
  scaleMemory: { what: '(g) resident memory with 10,000 Services, 100,000 endpoints, in MB', atMost: 160 },
  changeGrowth: { what: '(g) CPU of a change, 10,000 Services / 1,000 Services', atMost: 1.25 },
  scalePause: { what: '(g) longest work in one turn of the event loop, in ms', atMost: 40 },
  tailLost: { what: '(h) events that tail --all lost', atMost: 0 },
  tailCpu: { what: '(h) CPU per event shown by tail --all in us: 50 are 20,000 events a second', atMost: 50 },
  replayLine: {
    what: '(i) a line of a recording on one core, in us: 300,000 a second',
    atMost: 1e6 / 300_000,
  },
  replayMemory: { what: '(i) peak memory of replay, large recording / small one', atMost: 1.15 },
  protectCpu: { what: '(j) CPU of a round, --protect renew / off', atMost: 1.5 },
  protectPause: { what: '(j) longest work in one turn of the event loop while renewing, in ms', atMost: 25 },
  protectLost: { what: '(j) protected connections that did not answer', atMost: 0 },
} as const;

export type RequirementName = keyof typeof REQUIREMENTS;

export interface Verdict {
  readonly what: string;
  readonly atMost: number;
  readonly figure: number;
  readonly met: boolean;
}

/** A figure that is no number (nothing was measured) does not meet anything. */
export function judge(name: RequirementName, figure: number): Verdict {
  const { what, atMost } = REQUIREMENTS[name];
  return { what, atMost, figure, met: figure <= atMost };
}
