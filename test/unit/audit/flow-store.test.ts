import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FlowColumns } from '../../../src/audit/flow-columns.ts';
import type { FlowStore } from '../../../src/audit/flow-store.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import { BACKENDS, originalTuple, replyTuple, SERVICE } from '../../support/flow-events.ts';
import {
  CLOSE_WAIT,
  ESTABLISHED,
  FIN_WAIT,
  IPVS_STATUS,
  LAST_ACK,
  OFFLOAD,
  originalTuple6,
  replyTuple6,
  rowOf,
  STATUS,
  snapshot,
  storeOf,
  TIMEOUTS,
  wordsOf,
} from './rows.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const OTHER6 = '2001:db8:2::2';

/** The flow under the usual tuple. */
const flowOf = (store: FlowStore, wallOffsetMs = 0) => {
  const slot = store.findByOriginal(0, originalTuple());
  return slot === undefined ? undefined : store.read(slot, wallOffsetMs);
};
const has = (store: FlowStore, sport: number) => store.findByOriginal(0, originalTuple(sport)) !== undefined;
const rows = (...sports: number[]) => sports.map((sport) => rowOf({ original: originalTuple(sport) }));

test('IPv4 and IPv6, and the same tuple in two zones, side by side: each found by both its tuples, and removed', () => {
  const store = storeOf();
  const flows: [number, Tuple, Tuple][] = [
    [0, originalTuple(), replyTuple(BACKENDS[0])],
    [7, originalTuple(), replyTuple(BACKENDS[1])],
    [0, originalTuple6(), replyTuple6()],
    [7, originalTuple6(), replyTuple6(OTHER6)],
  ];
  snapshot(
    store,
    0,
    flows.map(([zone, original, reply]) => rowOf({ zone, original, reply })),
  );
  assert.equal(store.size, 4);
  for (const [i, [zone, original, reply]] of flows.entries()) {
    const slot = store.findByOriginal(zone, original)!;
    assert.equal(store.findByReply(zone, reply), slot);
    assert.deepEqual([store.tuple(slot, 0), store.tuple(slot, 2)], [original, reply]);
    assert.equal(store.findByOriginal(1, original), undefined, 'another zone');
    assert.equal(store.findByOriginal(zone, reply), undefined, 'the other direction');
    store.remove(zone, original);
    assert.equal(store.findByOriginal(zone, original), undefined);
    assert.equal(store.findByReply(zone, reply), undefined);
    assert.equal(store.size, 3 - i);
    store.remove(zone, original);
    assert.equal(store.size, 3 - i, 'a second time nothing happens');
  }
});

test('taken: open, ASSURED with a reply seen, and translated, by IPVS as well', () => {
  const untranslated = { ...replyTuple(SERVICE), sport: 6379 };
  const taken = {
    established: rowOf(),
    'FIN_WAIT, half-closed': rowOf({ tcpState: FIN_WAIT }),
    'CLOSE_WAIT, half-closed': rowOf({ tcpState: CLOSE_WAIT }),
    'LAST_ACK, half-closed': rowOf({ tcpState: LAST_ACK }),
    'translated by IPVS': rowOf({ status: IPVS_STATUS }),
    'only the port translated': rowOf({ reply: { ...replyTuple(SERVICE), sport: 8080 } }),
    'only the address translated': rowOf({ reply: { ...replyTuple(BACKENDS[0]), sport: 6379 } }),
  };
  const left = {
    'not translated': rowOf({ reply: untranslated }),
    'not translated, and the bit set nevertheless': rowOf({ reply: untranslated, status: STATUS }),
    'no reply seen': rowOf({ status: STATUS & ~2 }),
    'not ASSURED': rowOf({ status: STATUS & ~4 }),
    ...Object.fromEntries([0, 1, 2, 7, 8, 9].map((tcpState) => [`state ${tcpState}`, rowOf({ tcpState })])),
  };
  for (const [is, all] of [
    [1, taken],
    [0, left],
  ] as const) {
    for (const [what, row] of Object.entries(all)) {
      const store = storeOf();
      snapshot(store, 0, [row]);
      assert.equal(store.size, is, what);
    }
  }
});

test('an IPv6 destination is compared in each of its words', () => {
  const dst = '2001:db8:96:1:2:3::10';
  for (const [src, is] of [
    ['2001:db8:96:1:2:3::10', 0],
    ['2001:db9:96:1:2:3::10', 1],
    ['2001:db8:96:2:2:3::10', 1],
    ['2001:db8:96:1:2:4::10', 1],
    ['2001:db8:96:1:2:3::11', 1],
  ] as const) {
    const store = storeOf();
    const original = { ...originalTuple6(), dst };
    snapshot(store, 0, [rowOf({ original, reply: { ...replyTuple6(src), sport: 6379 } })]);
    assert.equal(store.size, is, src);
  }
});

test('a changed mapping is another connection’s: it replaces what was known', () => {
  for (const family of ['IPv4', 'IPv6']) {
    const original = family === 'IPv4' ? originalTuple() : originalTuple6();
    const first = family === 'IPv4' ? replyTuple(BACKENDS[0]) : replyTuple6();
    for (const reply of [
      { ...first, src: family === 'IPv4' ? BACKENDS[1] : OTHER6 },
      { ...first, sport: 8081 },
      { ...first, dst: family === 'IPv4' ? '10.244.0.1' : '2001:db8:3::1' },
      { ...first, dport: 14992 },
    ]) {
      const store = storeOf();
      snapshot(store, 0, [rowOf({ original, reply: first })], { unheard: true });
      snapshot(store, 30 * MINUTE, [rowOf({ original, reply })]);
      assert.deepEqual([store.size, store.blind], [1, 0], 'the new one was made while somebody listened');
      const slot = store.findByOriginal(0, original)!;
      assert.deepEqual(store.tuple(slot, 2), reply);
      assert.equal(store.firstSeenAt(slot), store.columns.seenAt[slot], 'and was not seen before');
      assert.equal(store.findByReply(0, first), undefined);
      assert.equal(store.findByReply(0, reply), slot);
      assert.equal(store.slots, 1, 'its memory is used again');
    }
  }
});

test('read: an event as a snapshot would be, with wall clock times', () => {
  const store = storeOf({}, 5000);
  const zone = 3;
  store.begin(10_000, TIMEOUTS, false);
  store.at(12_300);
  store.put(rowOf({ zone, tcpState: ESTABLISHED, timeoutSeconds: 86_000 }));
  const { expiresAt, seenAt } = store.columns;
  assert.equal(expiresAt[0]! - seenAt[0]!, 860_005, 'half a second more, as whole seconds are sent');
  const WALL = 1_700_000_000_000;
  const known = store.read(store.findByOriginal(zone, originalTuple())!, WALL - 12_300);
  assert.deepEqual(known, {
    entry: {
      type: 'snapshot',
      atMs: WALL,
      protocol: 6,
      zone,
      original: originalTuple(),
      reply: replyTuple(BACKENDS[0]),
      tcpState: 'ESTABLISHED',
      seenReply: true,
      assured: true,
      dstNat: true,
      status: undefined,
      timeoutSeconds: 86_000,
      id: undefined,
      portId: 0,
    },
    seenAtMs: 12_300,
    goneAtMs: undefined,
    // 400 s used up, less half a second, as whole seconds are sent.
    lastActivityMs: WALL - 399_500,
  });
  const ipvs = storeOf();
  snapshot(ipvs, 0, [rowOf({ status: IPVS_STATUS, tcpState: CLOSE_WAIT, timeoutSeconds: 0 })]);
  const { entry } = flowOf(ipvs)!;
  assert.deepEqual([entry.dstNat, entry.tcpState, entry.timeoutSeconds], [false, 'CLOSE_WAIT', 0]);
});

test('times are good to 100 ms, also before the process began and after a year', () => {
  for (const nowMs of [-86_400_000, 0, 123_456.7, 3.2e10]) {
    const store = storeOf({}, nowMs);
    snapshot(store, nowMs, [rowOf()]);
    const { seenAtMs, entry, lastActivityMs } = flowOf(store, 1e12)!;
    // A snapshot is at least one tick later than what was before it.
    assert.ok(seenAtMs - nowMs >= -50 && seenAtMs - nowMs <= 150, `${seenAtMs} at ${nowMs}`);
    assert.ok(Math.abs(entry.atMs - 1e12 - seenAtMs) < 1e-3);
    assert.ok(Math.abs(lastActivityMs! - entry.atMs + 399_500) < 1e-3);
  }
});

/** What is told of the last activity, seconds before the last of these snapshots; of each: minutes and row. */
function idleAfter(...seen: readonly (readonly [number, Parameters<typeof rowOf>[0]])[]): number | undefined {
  const store = storeOf();
  for (const [minute, spec] of seen) snapshot(store, minute * MINUTE + SECOND, [rowOf(spec)]);
  const { lastActivityMs, seenAtMs } = flowOf(store)!;
  return lastActivityMs === undefined ? undefined : (seenAtMs - lastActivityMs) / SECOND;
}

test('last activity: exact from the remaining time', () => {
  assert.equal(idleAfter([0, { timeoutSeconds: 86_400 }]), 0);
  assert.equal(idleAfter([0, { timeoutSeconds: 86_000 }]), 399.5);
  assert.equal(idleAfter([0, { timeoutSeconds: 301 }]), 86_098.5);
  assert.equal(idleAfter([0, { timeoutSeconds: 20, tcpState: CLOSE_WAIT }]), 39.5);
  assert.equal(idleAfter([0, { timeoutSeconds: 85_000 }], [5, { timeoutSeconds: 86_390 }]), 9.5, 'newer');
});

test('last activity: unknown where unacknowledged data may have shortened the timer, or the sysctl was lowered', () => {
  assert.equal(idleAfter([0, { timeoutSeconds: 300 }]), undefined);
  assert.equal(idleAfter([0, { timeoutSeconds: 10 }]), undefined);
  assert.equal(idleAfter([0, { timeoutSeconds: 86_402 }]), undefined);
});

test('last activity: a flow table has its own timer', () => {
  assert.equal(idleAfter([0, { timeoutSeconds: 86_000, status: STATUS | OFFLOAD }]), undefined);
});

test('last activity: kept while the timer that told it runs on', () => {
  for (const wobble of [-1, 0, 1]) {
    const seen = idleAfter([0, { timeoutSeconds: 350 }], [5, { timeoutSeconds: 50 + wobble }]);
    assert.equal(seen, 86_400 - 350.5 + 300, `off by ${wobble}`);
  }
  const thrice = idleAfter(
    [0, { timeoutSeconds: 350 }],
    [2, { timeoutSeconds: 230 }],
    [5, { timeoutSeconds: 50 }],
  );
  assert.equal(thrice, 86_400 - 350.5 + 300);
});

test('last activity: unknown after unacknowledged data shortened the timer', () => {
  assert.equal(idleAfter([0, { timeoutSeconds: 86_000 }], [5, { timeoutSeconds: 300 }]), undefined);
  assert.equal(idleAfter([0, { timeoutSeconds: 350 }], [5, { timeoutSeconds: 47 }]), undefined, 'sooner');
  assert.equal(idleAfter([0, { timeoutSeconds: 350 }], [5, { timeoutSeconds: 53 }]), undefined, 'later');
  // And acknowledged again.
  assert.equal(
    idleAfter([0, { timeoutSeconds: 86_000 }], [5, { timeoutSeconds: 300 }], [6, { timeoutSeconds: 86_399 }]),
    0.5,
  );
});

test('what a slot held before tells nothing of its next flow', () => {
  const store = storeOf();
  snapshot(store, 0, [rowOf({ timeoutSeconds: 350 })], { unheard: true });
  store.remove(0, originalTuple());
  snapshot(store, 5 * MINUTE, [rowOf({ original: originalTuple(2), timeoutSeconds: 50 })]);
  const slot = store.findByOriginal(0, originalTuple(2))!;
  assert.equal(slot, 0);
  assert.deepEqual([store.read(slot, 0).lastActivityMs, store.blind], [undefined, 0]);
  assert.equal(store.firstSeenAt(slot) - store.columns.seenAt[slot]!, 0);
});

test('first seen: to the minute, and not later than the number can tell', () => {
  const store = storeOf();
  snapshot(store, 90 * SECOND, [rowOf()]);
  snapshot(store, 100 * MINUTE, [rowOf()]);
  const slot = store.findByOriginal(0, originalTuple())!;
  const late = storeOf();
  snapshot(late, 0, [rowOf({ original: originalTuple(1) })]);
  snapshot(late, 100 * 86_400_000, [rowOf()]);
  const lateSlot = late.findByOriginal(0, originalTuple())!;
  assert.equal(store.firstSeenAt(slot), store.columns.seenAt[slot]! - 99 * 600);
  assert.equal(late.firstSeenAt(lateSlot), late.firstSeenAt(0) + 0xffff * 600);
});

test('a flow that a complete dump does not have is asked about once, in pieces of any size', () => {
  const store = storeOf();
  snapshot(store, 0, rows(1, 2, 3, 4, 5, 6, 7));
  store.begin(MINUTE, TIMEOUTS, false);
  for (const row of rows(2, 5)) store.put(row);
  const asked: number[] = [];
  let steps = 0;
  for (let from = 0; from !== -1; steps++) {
    from = store.sweep(from, 2, (slot) => {
      asked.push(store.tuple(slot, 0).sport);
      return 'drop';
    });
  }
  assert.deepEqual([asked, steps], [[1, 3, 4, 6, 7], 4]);
  assert.deepEqual([store.size, has(store, 2), has(store, 3)], [2, true, false]);
});

test('a dump that was not complete adds and renews, and takes nothing away', () => {
  const store = storeOf();
  const judge = () => 'drop' as const;
  snapshot(store, 0, rows(1, 2), { judge });
  snapshot(store, MINUTE, rows(2, 3));
  assert.deepEqual([store.size, has(store, 1), has(store, 2), has(store, 3)], [3, true, true, true]);
  snapshot(store, 2 * MINUTE, rows(2), { judge });
  assert.deepEqual([store.size, has(store, 1), has(store, 2), has(store, 3)], [1, false, true, false]);
});

test('what the sweep’s judge removes itself is not removed twice', () => {
  const store = storeOf();
  snapshot(store, 0, rows(1, 2, 3));
  for (const verdict of ['drop', 'remember'] as const) {
    snapshot(store, MINUTE, rows(1, 3), {
      judge: (slot) => {
        store.remove(0, store.tuple(slot, 0));
        return verdict;
      },
    });
    assert.deepEqual([store.size, store.remembered], [2, 0]);
    snapshot(store, MINUTE, rows(2));
    assert.deepEqual([store.size, store.slots], [3, 3]);
  }
});

const remember = { judge: () => 'remember' as const };

test('a remembered flow is found, says since when it is gone, and comes back', () => {
  const store = storeOf();
  snapshot(store, 0, [rowOf()], { unheard: true, ...remember });
  assert.equal(store.blind, 1);
  snapshot(store, MINUTE, [], remember);
  assert.deepEqual([store.size, store.remembered, store.blind], [0, 1, 0]);
  assert.deepEqual([flowOf(store)!.goneAtMs, flowOf(store)!.seenAtMs], [MINUTE, 100]);
  snapshot(store, 2 * MINUTE, [], {
    judge: () => assert.fail('one that is remembered is not asked about again'),
  });
  snapshot(store, 3 * MINUTE, [rowOf()], remember);
  assert.deepEqual(
    [store.size, store.remembered, store.blind],
    [1, 0, 0],
    'as a new entry, which sends events',
  );
  assert.deepEqual([flowOf(store)!.goneAtMs, flowOf(store)!.seenAtMs], [undefined, 3 * MINUTE]);
  snapshot(store, 4 * MINUTE, [], remember);
  assert.equal(flowOf(store)!.goneAtMs, 4 * MINUTE, 'and it goes again');
});

test('an entry in TIME_WAIT or CLOSE is proof that its flow closed in order', () => {
  for (const tcpState of [7, 8]) {
    const store = storeOf();
    snapshot(store, 0, [rowOf()], { unheard: true });
    snapshot(store, MINUTE, [rowOf({ tcpState })], { judge: () => assert.fail('there is nothing to judge') });
    assert.deepEqual([store.size, store.remembered], [0, 0]);
  }
});

test('a flow that is used all the time is not taken for idle, however often it is looked at', () => {
  const store = storeOf();
  for (let second = 0; second <= 60; second++)
    snapshot(store, second * 1000, [rowOf({ timeoutSeconds: 86_399 })]);
  const { lastActivityMs } = flowOf(store)!;
  assert.ok(lastActivityMs! > 56_000, `${lastActivityMs}`);
});

test('a raised sysctl does not change when the last packet was', () => {
  const store = storeOf();
  snapshot(store, 0, [rowOf({ timeoutSeconds: 80_000 })]);
  const before = flowOf(store)!.lastActivityMs;
  snapshot(store, MINUTE, [rowOf({ timeoutSeconds: 79_940 })], {
    timeouts: { ...TIMEOUTS, established: 432_000 },
  });
  assert.equal(flowOf(store)!.lastActivityMs, before);
});

test('more than can be remembered: the oldest goes, and is counted', () => {
  const store = storeOf({ rememberedCapacity: 2 });
  snapshot(store, 0, rows(1, 2, 3));
  snapshot(store, MINUTE, rows(2, 3), remember);
  snapshot(store, 2 * MINUTE, rows(3), remember);
  assert.deepEqual([store.remembered, store.evictions], [2, 0]);
  snapshot(store, 3 * MINUTE, [], remember);
  assert.deepEqual([store.remembered, store.evictions], [2, 1]);
  assert.deepEqual([has(store, 1), has(store, 2), has(store, 3)], [false, true, true]);
});

test('a remembered flow that was gone before and came back is not the oldest for that', () => {
  const store = storeOf({ rememberedCapacity: 2 });
  snapshot(store, 0, rows(1, 2, 3));
  snapshot(store, MINUTE, rows(2, 3), remember);
  snapshot(store, 2 * MINUTE, rows(1, 2, 3), remember);
  snapshot(store, 3 * MINUTE, rows(2, 3), remember);
  snapshot(store, 4 * MINUTE, rows(3), remember);
  assert.deepEqual([has(store, 1), has(store, 2), store.evictions], [true, true, 0]);
});

test('remembered flows go after their time, uncounted, at the next complete dump', () => {
  const store = storeOf({ rememberedTtlMs: 10 * MINUTE });
  snapshot(store, 0, rows(1, 2), remember);
  snapshot(store, MINUTE, rows(2), remember);
  snapshot(store, 2 * MINUTE, [], remember);
  snapshot(store, 11 * MINUTE - 100, [], remember);
  assert.deepEqual([has(store, 1), has(store, 2)], [true, true]);
  snapshot(store, 11 * MINUTE, [], remember);
  assert.deepEqual([has(store, 1), has(store, 2), store.remembered], [false, true, 1]);
  snapshot(store, 12 * MINUTE, [], remember);
  assert.deepEqual([store.remembered, store.evictions], [0, 0]);
});

test('a full store forgets what it only remembers, and else takes no more: both are counted', () => {
  const store = storeOf({ capacity: 3 });
  snapshot(store, 0, rows(1, 2, 3), remember);
  snapshot(store, MINUTE, rows(3), remember);
  snapshot(store, 2 * MINUTE, rows(3, 4), remember);
  assert.deepEqual([store.size, store.remembered, store.evictions], [2, 1, 1]);
  assert.deepEqual([has(store, 1), has(store, 2), has(store, 4)], [false, true, true]);
  snapshot(store, 3 * MINUTE, rows(3, 4, 5, 6, 7), remember);
  assert.deepEqual([store.size, store.remembered, store.evictions], [3, 0, 4]);
  assert.deepEqual([has(store, 5), has(store, 6)], [true, false]);
  snapshot(store, 4 * MINUTE, rows(3, 4, 5), remember);
  assert.equal(store.evictions, 4, 'renewing takes no room');
});

test('growing keeps every flow findable, and makes room', () => {
  const store = storeOf({ capacity: 200 });
  const v4 = Array.from({ length: 100 }, (_, i) => rowOf({ original: originalTuple(i + 1) }));
  const v6 = Array.from({ length: 100 }, (_, i) =>
    rowOf({ original: originalTuple6(i + 1), reply: replyTuple6(`2001:db8:2::${i + 1}`, i + 1) }),
  );
  snapshot(store, 0, [...v4, ...v6], { unheard: true });
  snapshot(store, MINUTE, [...v4, ...v6.slice(10)], remember);
  store.remove(0, originalTuple(50));
  store.columns.keepIdle[store.findByOriginal(0, originalTuple(60))!] = 7200;
  const before = readAll(store);
  store.grow(150);
  assert.equal(store.columns.capacity, 200, 'never smaller');
  store.grow(1000);
  assert.deepEqual(readAll(store), before);
  assert.equal(store.columns.keepIdle[store.findByOriginal(0, originalTuple(60))!], 7200);
  assert.deepEqual([store.size, store.remembered, store.blind], [189, 10, 189]);
  assert.equal(store.findByOriginal(0, originalTuple(50)), undefined);
  const more = Array.from({ length: 801 }, (_, i) => rowOf({ original: originalTuple(1000 + i) }));
  snapshot(store, 2 * MINUTE, more);
  assert.deepEqual([store.size + store.remembered, store.evictions], [1000, 0]);
  assert.equal(store.findByReply(0, replyTuple(BACKENDS[0], 1800))! >= 200, true);
});

/** All flows by both their tuples. */
function readAll(store: FlowStore) {
  const all = [];
  for (let sport = 1; sport <= 100; sport++) {
    const v4 = store.findByOriginal(0, originalTuple(sport));
    const v6 = store.findByReply(0, replyTuple6(`2001:db8:2::${sport}`, sport));
    for (const slot of [v4, v6]) all.push(slot === undefined ? undefined : store.read(slot, 0));
  }
  return all;
}

test('64 bytes a flow: the columns, and of each index a link and at most a bucket', () => {
  for (const capacity of [2 ** 18, 2 ** 18 + 1, 300_000, 2 ** 19 - 1]) {
    const columns = Object.values(new FlowColumns(capacity)).filter((value) => ArrayBuffer.isView(value));
    assert.equal(columns.length, 11);
    const bytes = columns.reduce((sum, { byteLength }) => sum + byteLength, 0) / capacity;
    // A dense TupleIndex: 2 ** floor(log2(capacity * 2 / 3)) buckets, and `capacity` links, of four bytes each.
    const index = (4 * 2 ** Math.floor(Math.log2((capacity * 2) / 3))) / capacity + 4;
    assert.ok(bytes + 2 * index <= 64, `${bytes + 2 * index} bytes a flow at ${capacity}`);
  }
});

// The model: what the store is told, kept as plain objects.

const KEYS = 16;
const FULL: Readonly<Record<number, number>> = { 3: 86_400, 4: 120, 5: 60, 6: 30 };

function keyTuples(key: number, backend: number) {
  const sport = 1000 + (key >> 2);
  const v6 = (key & 2) !== 0;
  return {
    zone: key & 1,
    original: v6 ? originalTuple6(sport) : originalTuple(sport),
    reply: v6 ? replyTuple6(`2001:db8:2::${backend + 1}`, sport) : replyTuple(BACKENDS[backend]!, sport),
  };
}

interface ModelFlow {
  readonly backend: number;
  readonly blind: boolean;
  readonly firstMinute: number;
  tcpState: number;
  ipvs: boolean;
  seen: number;
  expires: number;
  active: number | undefined;
  gone: { readonly at: number } | undefined;
}

/** Times in tenths of a second. */
class Model {
  readonly flows = new Map<number, ModelFlow>();
  readonly ttl: number;
  readonly ringCapacity: number;
  ring: { readonly key: number; readonly gone: NonNullable<ModelFlow['gone']> }[] = [];
  capacity: number;
  evictions = 0;
  peak = 0;
  begun = 0;
  now = 0;
  unheard = false;

  constructor(capacity: number, ringCapacity: number, ttl: number) {
    this.capacity = capacity;
    this.ringCapacity = ringCapacity;
    this.ttl = ttl;
  }

  begin(now: number, unheard: boolean): void {
    this.begun = Math.max(now, this.now + 1);
    this.now = this.begun;
    this.unheard = unheard;
  }

  put(key: number, backend: number, tcpState: number, timeout: number, ipvs: boolean): void {
    let flow = this.flows.get(key);
    // What was gone and is there again is a new entry.
    if (flow && (flow.backend !== backend || flow.gone)) {
      this.flows.delete(key);
      flow = undefined;
    }
    if (!flow) {
      while (this.flows.size >= this.capacity && this.ring.length > 0) this.forgetOldest();
      if (this.flows.size >= this.capacity) {
        this.evictions++;
        return;
      }
    }
    const expires = this.now + timeout * 10 + 5;
    const full = FULL[tcpState]!;
    const isClear = timeout + 0.5 <= full + 1 && (full <= 300 || timeout + 0.5 > 301);
    const idle = Math.max(0, full * 10 - timeout * 10 - 5);
    const later = flow && expires - flow.expires;
    const runsOn = flow && later! <= 12 && later! >= -20;
    this.flows.set(key, {
      backend,
      blind: flow?.blind ?? this.unheard,
      firstMinute: flow?.firstMinute ?? Math.floor(this.now / 600),
      tcpState,
      ipvs,
      seen: this.now,
      expires: runsOn && flow!.active !== undefined ? flow!.expires : expires,
      active: runsOn && flow!.active !== undefined ? flow!.active : isClear ? this.now - idle : undefined,
      gone: undefined,
    });
    this.peak = Math.max(this.peak, this.flows.size);
  }

  /** A row in CLOSE: proof that the flow ended in order. */
  close(key: number, backend: number): void {
    if (this.flows.get(key)?.backend === backend) this.flows.delete(key);
  }

  forgetOldest(): void {
    const { key, gone } = this.ring.shift()!;
    if (this.flows.get(key)?.gone !== gone) return;
    this.flows.delete(key);
    if (this.now - gone.at < this.ttl) this.evictions++;
  }

  remember(key: number): void {
    if (this.ring.length === this.ringCapacity) this.forgetOldest();
    const gone = { at: this.now };
    this.flows.get(key)!.gone = gone;
    this.ring.push({ key, gone });
  }

  expire(): void {
    while (this.ring.length > 0 && this.now - this.ring[0]!.gone.at >= this.ttl) this.forgetOldest();
  }

  get alive(): ModelFlow[] {
    return [...this.flows.values()].filter(({ gone }) => !gone);
  }
}

const rowArbitrary = fc.record({
  key: fc.nat(KEYS - 1),
  backend: fc.constantFrom(0, 0, 0, 1, 2),
  tcpState: fc.constantFrom(3, 3, 3, 4, 5, 6, 8),
  timeout: fc.constantFrom(0, 25, 59, 100, 300, 301, 302, 600, 86_000, 86_400, 86_401),
  kind: fc.constantFrom('dnat', 'dnat', 'dnat', 'ipvs', 'untranslated', 'unanswered'),
  laterTicks: fc.constantFrom(0, 0, 0, 7, 400),
});
const dumpArbitrary = fc.record({
  kind: fc.constantFrom('complete', 'complete', 'complete', 'incomplete'),
  gapTicks: fc.constantFrom(0, 1, 300, 3000, 20_000),
  unheard: fc.boolean(),
  rows: fc.array(rowArbitrary, { maxLength: 20 }),
  /** What the judge says of each key. */
  remembers: fc.nat(2 ** KEYS - 1),
  removes: fc.nat(2 ** KEYS - 1).map((bits) => bits & (bits >> 3) & 0x1111),
  stride: fc.integer({ min: 1, max: 6 }),
  removed: fc.option(fc.nat(KEYS - 1), { freq: 3 }),
  grownBy: fc.option(fc.nat(4), { freq: 5 }),
});

test('against a plain model: any snapshots, complete or not, in a small store', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 12 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(dumpArbitrary, { maxLength: 12 }),
      (capacity, rememberedCapacity, dumps) => {
        const store = storeOf({ capacity, rememberedCapacity, rememberedTtlMs: 1_500_000 });
        const model = new Model(capacity, rememberedCapacity, 15_000);
        for (const dump of dumps) {
          runDump(store, model, dump);
          assertSame(store, model);
        }
        for (let key = 0; key < KEYS; key++) store.remove(key & 1, keyTuples(key, 0).original);
        assert.deepEqual([store.size, store.remembered, store.blind], [0, 0, 0]);
        for (const ip of ['2001:db8:1::7', '2001:db8:96::10', '2001:db8:2::1', '2001:db8:2::2']) {
          assert.equal(store.columns.addresses.find(wordsOf(ip), 0), 0, `${ip} is not released`);
        }
      },
    ),
    { numRuns: 250 },
  );
});

type Dump = typeof dumpArbitrary extends fc.Arbitrary<infer T> ? T : never;

function runDump(store: FlowStore, model: Model, dump: Dump): void {
  if (dump.grownBy !== null) {
    store.grow(store.columns.capacity + dump.grownBy - 2);
    model.capacity = Math.max(model.capacity, model.capacity + dump.grownBy - 2);
  }
  let clock = model.now + dump.gapTicks;
  store.begin(clock * 100, TIMEOUTS, dump.unheard);
  model.begin(clock, dump.unheard);
  for (const { key, backend, tcpState, timeout, kind, laterTicks } of dump.rows) {
    clock += laterTicks;
    store.at(clock * 100);
    model.now = Math.max(model.now, clock);
    const { zone, original, reply } = keyTuples(key, backend);
    const untranslated = {
      src: original.dst,
      sport: original.dport,
      dst: original.src,
      dport: original.sport,
    };
    const spec = { zone, original, tcpState, timeoutSeconds: timeout };
    const status = { dnat: STATUS, ipvs: IPVS_STATUS, untranslated: IPVS_STATUS, unanswered: 0x1a8 }[kind]!;
    store.put(rowOf({ ...spec, reply: kind === 'untranslated' ? untranslated : reply, status }));
    if (kind === 'untranslated' || kind === 'unanswered') continue;
    if (tcpState === 8) model.close(key, backend);
    else {
      model.put(key, backend, tcpState, timeout, kind === 'ipvs');
    }
  }
  if (dump.kind === 'complete') runSweep(store, model, dump);
  if (dump.removed !== null) {
    store.remove(dump.removed & 1, keyTuples(dump.removed, 0).original);
    model.flows.delete(dump.removed);
  }
}

function runSweep(store: FlowStore, model: Model, { remembers, removes, stride }: Dump): void {
  const missed = [...model.flows].filter(([, { gone, seen }]) => !gone && seen < model.begun);
  const asked = new Set<number>();
  const judge = (slot: number) => {
    const { src, sport } = store.tuple(slot, 0);
    const key = ((sport - 1000) << 2) | (src.includes(':') ? 2 : 0) | store.columns.zones[slot]!;
    asked.add(key);
    const bit = 1 << key;
    if (removes & bit) {
      store.remove(key & 1, keyTuples(key, 0).original);
      model.flows.delete(key);
    } else if (remembers & bit) model.remember(key);
    else model.flows.delete(key);
    return remembers & bit ? 'remember' : 'drop';
  };
  for (let from = store.sweep(0, stride, judge); from !== -1; ) from = store.sweep(from, stride, judge);
  assert.deepEqual(
    [...asked].sort((a, b) => a - b),
    missed.map(([key]) => key).sort((a, b) => a - b),
  );
  model.expire();
}

const STATE_NAMES: Readonly<Record<number, string>> = {
  3: 'ESTABLISHED',
  4: 'FIN_WAIT',
  5: 'CLOSE_WAIT',
  6: 'LAST_ACK',
};

function assertSame(store: FlowStore, model: Model): void {
  assert.deepEqual(
    [store.size, store.remembered, store.blind, store.evictions],
    [
      model.alive.length,
      model.flows.size - model.alive.length,
      model.alive.filter(({ blind }) => blind).length,
      model.evictions,
    ],
    'size, remembered, blind, evictions',
  );
  assert.ok(store.slots <= model.peak, 'free slots are used before new ones');
  const WALL = 1e12;
  for (let key = 0; key < KEYS; key++) {
    const flow = model.flows.get(key);
    const { zone, original } = keyTuples(key, 0);
    const slot = store.findByOriginal(zone, original);
    assert.equal(slot === undefined, flow === undefined, `key ${key}`);
    for (const backend of [0, 1, 2]) {
      const expected = flow?.backend === backend ? slot : undefined;
      assert.equal(store.findByReply(zone, keyTuples(key, backend).reply), expected, `key ${key} ${backend}`);
    }
    if (slot === undefined || !flow) continue;
    const { entry, ...times } = store.read(slot, WALL);
    assert.deepEqual(times, {
      seenAtMs: flow.seen * 100,
      goneAtMs: flow.gone && flow.gone.at * 100,
      lastActivityMs: flow.active === undefined ? undefined : flow.active * 100 + WALL,
    });
    assert.deepEqual(
      [entry.atMs, entry.zone, entry.original, entry.reply, entry.tcpState, entry.dstNat],
      [
        flow.seen * 100 + WALL,
        ...[zone, original, keyTuples(key, flow.backend).reply],
        ...[STATE_NAMES[flow.tcpState], !flow.ipvs],
      ],
    );
    // A timer that ran on to the same end can be seen within a second after it, with 0 left.
    assert.equal(entry.timeoutSeconds, Math.max(0, Math.floor((flow.expires - flow.seen) / 10)));
    assert.equal(store.firstSeenAt(slot), store.columns.seenAt[slot]! - flow.seen + flow.firstMinute * 600);
  }
}
