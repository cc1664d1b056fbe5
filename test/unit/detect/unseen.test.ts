import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeOfUnseenLoss } from '../../../src/detect/classify.ts';
import { due, settle, step } from '../../../src/detect/detector.ts';
import { createDetector, DEFAULT_SETTINGS, type Detector } from '../../../src/detect/detector-state.ts';
import { loseUnseen } from '../../../src/detect/losses.ts';
import { DEFAULT_TIMEOUTS } from '../../../src/lib/tcp-timeouts.ts';
import type { EntryLost, Finding, Pickup } from '../../../src/model/finding.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import type { FlowEvent } from '../../../src/model/flow-event.ts';
import type { KnownFlow, KnownFlows } from '../../../src/model/known-flow.ts';
import {
  A,
  answered,
  B,
  C,
  CLIENT,
  lost,
  originalTuple,
  pickedUp,
  replyTuple,
  reset,
} from '../../support/flow-events.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const WINDOW = 2000;
/** Wall clock less monotonic. */
const WALL = 1_700_000_000_000;
const SEEN = 50 * SECOND;

interface FlowChange extends Partial<Omit<KnownFlow, 'entry'>> {
  readonly entry?: Partial<FlowEvent>;
}

/** A flow as the last snapshot had it: to backend A, 85,000 s left of 86,400. */
function flowOf({ entry, ...change }: FlowChange = {}): KnownFlow {
  const seenAtMs = change.seenAtMs ?? SEEN;
  const atMs = seenAtMs + WALL;
  return {
    entry: {
      ...lost(),
      type: 'snapshot',
      atMs,
      status: undefined,
      id: undefined,
      timeoutSeconds: 85_000,
      ...entry,
    },
    goneAtMs: undefined,
    lastActivityMs: atMs - 1400 * SECOND,
    ...change,
    seenAtMs,
  };
}

class Known implements KnownFlows {
  readonly flows = new Map<string, KnownFlow>();

  constructor(...flows: readonly KnownFlow[]) {
    for (const flow of flows) this.put(flow);
  }

  put(flow: KnownFlow): void {
    this.flows.set(keyOf(flow.entry.zone, flow.entry.original), flow);
  }

  findByOriginal(zone: number, tuple: Tuple): KnownFlow | undefined {
    return this.flows.get(keyOf(zone, tuple));
  }

  findByReply(zone: number, tuple: Tuple): KnownFlow | undefined {
    const key = keyOf(zone, tuple);
    return [...this.flows.values()].find(({ entry }) => keyOf(entry.zone, entry.reply) === key);
  }

  remove(zone: number, original: Tuple): void {
    this.flows.delete(keyOf(zone, original));
  }
}

const keyOf = (zone: number, { src, sport, dst, dport }: Tuple) => [zone, src, sport, dst, dport].join();

function detectorWith(...flows: readonly KnownFlow[]) {
  const known = new Known(...flows);
  const settings = { ...DEFAULT_SETTINGS, confirmWindowMs: WINDOW, isServiceAddress: () => false, known };
  const detector = createDetector(settings);
  detector.timeouts = { ...DEFAULT_TIMEOUTS, established: 86_400 };
  return { detector, known };
}

/** Feeds events, 10 ms after each other, with times that fit. */
function feed(detector: Detector, atMs: number, ...events: readonly FlowEvent[]): Finding[] {
  return events.flatMap((event, i) => {
    const nowMs = atMs + i * 10;
    return step(detector, { ...event, atMs: nowMs + WALL }, nowMs);
  });
}

const pickups = (findings: readonly Finding[]) => findings.filter((f): f is Pickup => f.kind === 'pickup');
const losses = (findings: readonly Finding[]) =>
  findings.filter((f): f is EntryLost => f.kind === 'entry_lost');
const brokenCount = (findings: readonly Finding[]) => pickups(findings).filter(({ broken }) => broken).length;

test('the client speaks: its old backend is known from a snapshot', () => {
  const { detector, known } = detectorWith(flowOf());
  const at = SEEN + 50 * SECOND;
  const findings = feed(detector, at, pickedUp(), reset());
  assert.deepEqual(losses(findings), [
    {
      kind: 'entry_lost',
      connection: { ...originalTuple(), zone: 0 },
      translated: true,
      cause: 'deleted',
      atMs: SEEN + WALL,
      tcpState: 'ESTABLISHED',
    },
  ]);
  const [finding] = pickups(findings);
  assert.deepEqual(
    { ...finding, evidence: finding!.evidence.map(({ type, reply }) => [type, reply.src]) },
    {
      kind: 'pickup',
      connection: { ...originalTuple(), zone: 0 },
      translated: true,
      verdict: 'reset',
      mapping: 'backend_changed',
      sender: 'client',
      cause: 'deleted',
      broken: true,
      oldBackend: { ip: A, port: 8080 },
      newBackend: { ip: B, port: 8080 },
      lostAtMs: undefined,
      pickedUpAtMs: at + WALL,
      verdictAfterMs: 10,
      idleSeconds: 1450,
      evidence: [
        ['snapshot', A],
        ['new', B],
        ['destroy', B],
      ],
    },
  );
  assert.equal(known.flows.size, 0, 'the flow is lost, not known');
});

const serverSpeaks = (reply: Tuple = replyTuple(A)) => ({
  original: reply,
  reply: { src: reply.dst, sport: reply.dport, dst: reply.src, dport: reply.sport },
  dstNat: false,
});

test('the server speaks first: its connection is found by the reply tuple, also through a masquerade', () => {
  for (const reply of [replyTuple(A), replyTuple(A, 1, ['10.244.0.1', 14992])]) {
    const { detector, known } = detectorWith(flowOf({ entry: { reply } }));
    const speaks = serverSpeaks(reply);
    const findings = feed(detector, SEEN + 50 * SECOND, pickedUp(speaks), reset(speaks), pickedUp(), reset());
    assert.equal(losses(findings).length, 1);
    assert.deepEqual(
      pickups(findings).map((f) => [
        f.sender,
        f.mapping,
        f.cause,
        f.broken,
        f.connection.src,
        f.oldBackend?.ip,
      ]),
      [
        ['server', 'none', 'deleted', true, CLIENT, A],
        ['client', 'backend_changed', 'deleted', false, CLIENT, A],
      ],
    );
    assert.equal(known.flows.size, 0);
  }
});

test('a flow of another zone, or of another tuple, is not the one', () => {
  for (const entry of [{ zone: 4 }, { original: originalTuple(7), reply: replyTuple(A, 7) }]) {
    const { detector, known } = detectorWith(flowOf({ entry }));
    const findings = feed(detector, SEEN, pickedUp(), reset());
    const outcome = pickups(findings).map(({ mapping, cause }) => [mapping, cause]);
    assert.deepEqual(outcome, [['unknown', 'unseen']]);
    assert.deepEqual([losses(findings).length, known.flows.size], [0, 1]);
  }
});

test('the cause, from the time the entry had left', () => {
  const ipvs = { dstNat: false };
  const untranslated = { ...ipvs, reply: { ...replyTuple(originalTuple().dst), sport: 6379 } };
  for (const [what, remaining, elapsed, expected, entry] of [
    ['long before its time', 85_000, 60, 'deleted', {}],
    ['data may have shortened it by now', 85_000, 299, 'unseen', {}],
    ['not yet', 85_000, 298.9, 'deleted', {}],
    ['a second before its time', 100, 99, 'timeout', {}],
    ['earlier', 100, 98.9, 'deleted', {}],
    ['after its time', 100, 1000, 'timeout', {}],
    ['an hour later it may have been used since', 3000, 3600, 'timeout', {}],
    ['more than an hour', 3000, 3600.1, 'unseen', {}],
    ['more than an hour, and its time is not over', 85_000, 3700, 'unseen', {}],
    ['nothing left', 0, 0, 'timeout', {}],
    ['no remaining time known', undefined, 5, 'timeout', {}],
    ['IPVS', 85_000, 60, 'ipvs', ipvs],
    ['IPVS, later', 85_000, 1000, 'ipvs', ipvs],
    ['IPVS, and its time ran out', 100, 100, 'timeout', ipvs],
    ['not translated, so not by IPVS', 85_000, 60, 'deleted', untranslated],
  ] as const) {
    const flow = flowOf({ entry: { ...entry, timeoutSeconds: remaining } });
    const now = SEEN + elapsed * SECOND;
    assert.equal(causeOfUnseenLoss(flow, DEFAULT_TIMEOUTS, now, true), expected, what);
    const gone = { ...flow, goneAtMs: now };
    assert.equal(
      causeOfUnseenLoss(gone, DEFAULT_TIMEOUTS, now + 10 * HOUR, true),
      expected,
      `${what}; gone since`,
    );
  }
});

test('the cause: how soon data can have shortened the timer is a setting', () => {
  const flow = flowOf();
  const cause = (unacknowledged: number) =>
    causeOfUnseenLoss(flow, { ...DEFAULT_TIMEOUTS, unacknowledged }, SEEN + 60 * SECOND, true);
  assert.deepEqual([cause(61), cause(62), cause(30)], ['unseen', 'deleted', 'unseen']);
});

test('the cause: a connection that the server closed since may have run out in CLOSE_WAIT', () => {
  const cause = causeOfUnseenLoss(flowOf(), DEFAULT_TIMEOUTS, SEEN + 100 * SECOND);
  assert.equal(cause, 'unseen');
});

test('a pickup takes the cause from the snapshot, and IPVS is told by the pickup', () => {
  const cause = (entry: Partial<FlowEvent>, elapsed: number, goneAfter?: number) => {
    const goneAtMs = goneAfter === undefined ? undefined : SEEN + goneAfter * SECOND;
    const { detector } = detectorWith(flowOf({ entry, goneAtMs }));
    const findings = feed(detector, SEEN + elapsed * SECOND, pickedUp(), reset());
    assert.equal(losses(findings)[0]!.cause, pickups(findings)[0]!.cause);
    return pickups(findings)[0]!.cause;
  };
  assert.equal(cause({}, 50), 'deleted');
  assert.equal(cause({ timeoutSeconds: 30 }, 60), 'timeout');
  assert.equal(cause({}, 600), 'unseen');
  assert.equal(cause({}, 600, 50), 'deleted');
  assert.equal(cause({ dstNat: false }, 600), 'ipvs');
});

test('the loss is told once: by a pickup, by a snapshot, by both, by later pickups', () => {
  const { detector, known } = detectorWith();
  const flow = flowOf({ goneAtMs: SEEN + 50 * SECOND });
  known.put(flow);
  assert.deepEqual(
    loseUnseen(detector, flow, SEEN + 61 * SECOND).map(({ kind }) => kind),
    ['entry_lost'],
  );
  assert.equal(known.flows.size, 0);
  known.put(flow);
  assert.deepEqual(loseUnseen(detector, flow, SEEN + 62 * SECOND), []);
  assert.equal(known.flows.size, 0, 'all the same it is known no more');
  const findings = feed(detector, SEEN + 70 * SECOND, pickedUp(), reset(), pickedUp(), reset());
  assert.deepEqual(losses(findings), []);
  assert.deepEqual(
    pickups(findings).map(({ oldBackend, cause }) => [oldBackend?.ip, cause]),
    [
      [A, 'deleted'],
      [A, 'deleted'],
    ],
  );
});

test('the DESTROY of a loss that a snapshot told already is not another', () => {
  const { detector } = detectorWith();
  loseUnseen(detector, flowOf({ entry: { timeoutSeconds: 30 } }), SEEN + 50 * SECOND);
  const findings = feed(detector, SEEN + 90 * SECOND, lost());
  assert.deepEqual(findings, []);
  const after = feed(detector, SEEN + 95 * SECOND, pickedUp(), reset());
  assert.deepEqual([losses(after).length, brokenCount(after)], [0, 1]);
  const [pickup] = pickups(after);
  assert.equal(pickup!.lostAtMs, SEEN + 90 * SECOND + WALL, 'the DESTROY is the better evidence');
  assert.deepEqual(
    losses(feed(detector, SEEN + 99 * SECOND, lost())).length,
    1,
    'a second DESTROY is of a second connection',
  );
});

test('the DESTROY of another mapping is another loss', () => {
  const { detector } = detectorWith();
  loseUnseen(detector, flowOf(), SEEN + 50 * SECOND);
  assert.equal(losses(feed(detector, SEEN + 90 * SECOND, lost({ reply: replyTuple(C) }))).length, 1);
});

test('what a DESTROY told of goes before what a snapshot knew', () => {
  const { detector, known } = detectorWith();
  feed(detector, SEEN + SECOND, lost({ portId: 7, timeoutSeconds: 84_999 }));
  // Its row was read from the dump before the DESTROY, and put into the store after it.
  known.put(flowOf({ entry: { reply: replyTuple(C) } }));
  const findings = feed(detector, SEEN + 50 * SECOND, pickedUp(), reset());
  const [pickup] = pickups(findings);
  assert.deepEqual([losses(findings).length, pickup!.oldBackend?.ip], [0, A]);
  assert.equal(pickup!.lostAtMs, SEEN + SECOND + WALL);
  assert.deepEqual(loseUnseen(detector, known.flows.values().next().value!, SEEN + 61 * SECOND), []);
});

test('a connection that a snapshot saw long after an older one of its tuple was lost is another', () => {
  const newer = flowOf({ seenAtMs: SEEN + 2 * HOUR, entry: { reply: replyTuple(B) } });
  const stories: [string, (detector: Detector) => Finding[]][] = [
    ['a snapshot', (detector) => loseUnseen(detector, newer, SEEN + 2 * HOUR + 60 * SECOND)],
    [
      'a pickup',
      (detector) => feed(detector, SEEN + 2 * HOUR + 60 * SECOND, pickedUp({ reply: replyTuple(A) })),
    ],
    [
      'its server',
      (detector) => feed(detector, SEEN + 2 * HOUR + 60 * SECOND, pickedUp(serverSpeaks(replyTuple(B)))),
    ],
  ];
  for (const [what, tell] of stories) {
    const { detector, known } = detectorWith();
    // The client closed it later: a FIN after the loss makes no event, nor does opening the next one.
    feed(detector, SEEN, lost());
    known.put(newer);
    assert.equal(losses(tell(detector)).length, 1, what);
  }
});

test('a DESTROY of the flow takes it from the known ones, also where it may have been closed in order', () => {
  for (const destroy of [lost(), lost({ portId: 7 }), lost({ tcpState: undefined })]) {
    const { detector, known } = detectorWith(flowOf());
    feed(detector, SEEN + SECOND, destroy);
    assert.equal(known.flows.size, 0);
  }
  // What ends an unanswered pickup, or another zone's flow, says nothing of it.
  for (const destroy of [reset(), lost({ zone: 3 }), lost({ original: originalTuple(3) })]) {
    const { detector, known } = detectorWith(flowOf());
    feed(detector, SEEN + SECOND, destroy);
    assert.equal(known.flows.size, 1);
  }
});

/** What is told as the idle time, seconds, of a flow that is lost by this DESTROY and picked up a second later. */
function idleAfter(
  flow: FlowChange,
  destroyedAfter: number,
  destroy: Partial<FlowEvent>,
): number | undefined {
  const { detector } = detectorWith(flowOf(flow));
  const at = SEEN + destroyedAfter * SECOND;
  const findings = [
    ...feed(detector, at, lost(destroy)),
    ...feed(detector, at + SECOND, pickedUp(), reset()),
  ];
  return pickups(findings)[0]!.idleSeconds;
}

test('idle time of an expired entry, from a snapshot before', () => {
  // A DESTROY of an expired entry does not tell, where unacknowledged data may have shortened its timer.
  assert.equal(idleAfter({ lastActivityMs: undefined }, 85_000, {}), undefined);
  assert.equal(idleAfter({}, 85_000, {}), 86_401);
  assert.equal(idleAfter({}, 85_000 + 170, {}), 86_401 + 170, 'removed minutes after its time');
  assert.equal(idleAfter({}, 85_000 - 2, {}), 86_401 - 2, 'times wobble');
  assert.equal(idleAfter({}, 85_000 - 2.1, {}), undefined, 'data shortened the timer');
  assert.equal(idleAfter({}, 400, {}), undefined, 'data shortened the timer');
  const closing = { tcpState: 'CLOSE_WAIT' as const };
  const snapshot = { entry: { ...closing, timeoutSeconds: 40 }, lastActivityMs: SEEN - 20 * SECOND + WALL };
  assert.equal(idleAfter(snapshot, 40 + 170, closing), 20 + 40 + 170 + 1, 'better than its own time');
  assert.equal(idleAfter({}, 85_000, closing), 61, 'another timer, which tells itself');
});

test('idle time of an entry that was deleted, from a snapshot before', () => {
  const deleted = (timeoutSeconds: number) => ({ portId: 7, timeoutSeconds });
  assert.equal(idleAfter({}, 1000, deleted(85_900)), 500.5, 'its own remaining time tells');
  assert.equal(idleAfter({}, 1000, deleted(84_001)), 2401, 'the timer ran on: what the snapshot told');
  assert.equal(idleAfter({}, 84_800, deleted(200)), 1400 + 84_800 + 1, 'the same timer');
  for (const wobble of [-2, 2]) {
    assert.equal(idleAfter({}, 84_800, deleted(200 + wobble)), 1400 + 84_800 + 1, `off by ${wobble}`);
  }
  for (const wobble of [-3, 3]) {
    assert.equal(idleAfter({}, 84_800, deleted(200 + wobble)), undefined, `off by ${wobble}`);
  }
});

test('idle time from the snapshot alone', () => {
  const { detector } = detectorWith(flowOf());
  const [pickup] = pickups(feed(detector, SEEN + 85_100 * SECOND, pickedUp(), reset()));
  assert.equal(pickup!.idleSeconds, 1400 + 85_100);
  const unknown = detectorWith(flowOf({ lastActivityMs: undefined }));
  assert.equal(
    pickups(feed(unknown.detector, SEEN + SECOND, pickedUp(), reset()))[0]!.idleSeconds,
    undefined,
  );
});

test('idle time is not forgotten when the DESTROY comes after a snapshot told of the loss', () => {
  const { detector } = detectorWith();
  loseUnseen(detector, flowOf({ goneAtMs: SEEN + 85_010 * SECOND }), SEEN + 85_010 * SECOND);
  feed(detector, SEEN + 85_100 * SECOND, lost());
  const [pickup] = pickups(feed(detector, SEEN + 85_200 * SECOND, pickedUp(), reset()));
  assert.equal(pickup!.idleSeconds, 1400 + 85_200);
});

test('many pickups, one broken connection', () => {
  const { detector, known } = detectorWith(flowOf());
  const again = [pickedUp(), reset(), pickedUp({ reply: replyTuple(C) }), reset(), pickedUp(), reset()];
  const findings = feed(detector, SEEN + SECOND, ...again);
  assert.deepEqual([pickups(findings).length, brokenCount(findings), losses(findings).length], [3, 1, 1]);
  // A dump that was on its way puts it back.
  known.put(flowOf());
  const later = feed(detector, SEEN + 2 * SECOND, ...again);
  assert.deepEqual([brokenCount(later), losses(later).length], [0, 0]);
});

test('a survivor is forgotten: its next loss is its own', () => {
  const same = { reply: replyTuple(A) };
  const { detector, known } = detectorWith(flowOf());
  const findings = feed(detector, SEEN + SECOND, pickedUp(same));
  const nowMs = SEEN + SECOND + WINDOW;
  for (const pending of due(detector, nowMs))
    findings.push(...settle(detector, pending, answered(same), nowMs));
  assert.deepEqual(
    pickups(findings).map(({ verdict, mapping, broken }) => [verdict, mapping, broken]),
    [['survived', 'same', false]],
  );
  assert.deepEqual([detector.lost.size, known.flows.size], [0, 0]);
  const unknown = feed(detector, SEEN + 10 * SECOND, pickedUp(), reset());
  assert.deepEqual(
    pickups(unknown).map(({ mapping, oldBackend, broken }) => [mapping, oldBackend, broken]),
    [['unknown', undefined, true]],
  );
});

test('a snapshot knows it again after it survived: the next loss is told anew', () => {
  const same = { reply: replyTuple(A) };
  const { detector, known } = detectorWith(flowOf());
  feed(detector, SEEN + SECOND, pickedUp(same));
  const nowMs = SEEN + SECOND + WINDOW;
  for (const pending of due(detector, nowMs)) settle(detector, pending, answered(same), nowMs);
  known.put(flowOf({ seenAtMs: SEEN + HOUR }));
  const findings = feed(detector, SEEN + HOUR + SECOND, pickedUp(), reset());
  assert.deepEqual([losses(findings).length, brokenCount(findings)], [1, 1]);
});
