/** What the detector makes of text: UPDATE tells of replies, nobody can be asked, and there is no status word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abandon, due, step, unanswered } from '../../../src/detect/detector.ts';
import { createDetector, DEFAULT_SETTINGS, type Detector } from '../../../src/detect/detector-state.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { FlowEvent } from '../../../src/model/flow-event.ts';
import {
  A,
  answered,
  B,
  CLIENT,
  lost,
  originalTuple,
  pickedUp,
  replyTuple,
  reset,
  SERVICE,
} from '../../support/flow-events.ts';

const WINDOW = 2000;
const ONE_PACKET_MS = 480_000;
const newDetector = () =>
  createDetector({ ...DEFAULT_SETTINGS, confirmWindowMs: WINDOW, isServiceAddress: () => false });
const text = (event: FlowEvent): FlowEvent => ({ ...event, dstNat: undefined, status: undefined });

const short = (findings: readonly Finding[]) =>
  findings.map((finding) =>
    finding.kind === 'entry_lost'
      ? `lost ${finding.cause}`
      : `${finding.verdict} ${finding.mapping} ${finding.cause}${finding.broken ? ' broken' : ''}`,
  );
/** What the end of every window tells until `nowMs`. */
const passTo = (detector: Detector, nowMs: number) =>
  short(due(detector, nowMs).flatMap((pending) => unanswered(detector, pending, nowMs)));

test('an UPDATE with a reply: survived, at the time of the UPDATE', () => {
  const detector = newDetector();
  step(detector, lost(), 0);
  step(detector, pickedUp({ reply: replyTuple(A), atMs: 100 }), 10);
  const [finding] = step(detector, answered({ reply: replyTuple(A), atMs: 103 }), 11);
  assert.ok(finding?.kind === 'pickup');
  assert.deepEqual([finding.verdict, finding.verdictAfterMs, finding.broken], ['survived', 3, false]);
  assert.equal(detector.pending.size, 0);
  assert.equal(detector.lost.size, 0, 'it is not lost any more');
});

test('an UPDATE without a reply, of another entry, or of another connection tells nothing', () => {
  const detector = newDetector();
  step(detector, pickedUp({ id: 5 }), 0);
  for (const event of [
    answered({ seenReply: false, id: 5 }),
    answered({ id: 6 }),
    answered({ id: 5, zone: 1 }),
    answered({ id: 5, original: originalTuple(1) }),
  ]) {
    assert.deepEqual(step(detector, event, 1), []);
  }
  assert.equal(detector.pending.size, 1);
  assert.deepEqual(short(step(detector, answered({ id: undefined }), 2)), ['survived unknown unseen']);
});

test('an UPDATE of a connection that was not picked up is nothing', () => {
  assert.deepEqual(step(newDetector(), answered(), 0), []);
});

for (const [what, event, mapping] of [
  ['another backend', pickedUp({ reply: replyTuple(B) }), 'backend_changed'],
  ['another source port', pickedUp({ reply: replyTuple(A, 40001, [CLIENT, 9]) }), 'source_changed'],
  ['no translation', pickedUp({ reply: { ...replyTuple(SERVICE), sport: 6379 } }), 'none'],
] as const) {
  test(`unanswered by ${what} when the window is over: stalled, for that answers even a bare acknowledgement`, () => {
    const detector = newDetector();
    step(detector, lost(), 0);
    step(detector, event, 10);
    assert.deepEqual(passTo(detector, WINDOW), []);
    assert.deepEqual(passTo(detector, WINDOW + 10), [`stalled ${mapping} timeout broken`]);
  });
}

test('the old backend may keep silent: watched on until its entry must be gone, unless more packets came', () => {
  for (const events of [[lost()], []]) {
    const detector = newDetector();
    for (const event of events) step(detector, event, 0);
    step(detector, pickedUp({ reply: replyTuple(A) }), 10);
    assert.deepEqual(passTo(detector, WINDOW + 10), []);
    assert.deepEqual(passTo(detector, ONE_PACKET_MS), []);
    const expected = events.length === 0 ? 'stalled unknown unseen broken' : 'stalled same timeout';
    assert.deepEqual(passTo(detector, ONE_PACKET_MS + 10), [expected]);
  }
});

test('... and answered in the meantime it survived, however late', () => {
  const detector = newDetector();
  step(detector, pickedUp(), 0);
  assert.deepEqual(passTo(detector, WINDOW), []);
  assert.deepEqual(short(step(detector, answered(), 100_000)), ['survived unknown unseen']);
  assert.deepEqual(passTo(detector, ONE_PACKET_MS), []);
});

test('an unanswered entry that ran out: no verdict after the life of one packet, stalled after more', () => {
  const ranOut = reset({ tcpState: 'ESTABLISHED', timeoutSeconds: undefined });
  for (const [afterMs, verdict] of [
    [310_000, 'unknown unknown unseen'],
    [ONE_PACKET_MS, 'stalled unknown unseen broken'],
  ] as const) {
    const detector = newDetector();
    step(detector, pickedUp(), 0);
    assert.deepEqual(short(step(detector, ranOut, afterMs)), [verdict]);
  }
});

test('... but what a program deleted, or the kernel early, has not run out', () => {
  for (const end of [{ portId: 7 }, { timeoutSeconds: 299 }]) {
    const detector = newDetector();
    step(detector, pickedUp(), 0);
    const gone = reset({ tcpState: 'ESTABLISHED', timeoutSeconds: undefined, ...end });
    assert.deepEqual(short(step(detector, gone, ONE_PACKET_MS)), ['unknown unknown unseen']);
  }
});

test('a pickup that is decided is not decided again', () => {
  const detector = newDetector();
  step(detector, pickedUp(), 0);
  const [pending] = due(detector, WINDOW);
  step(detector, reset(), WINDOW);
  assert.deepEqual(unanswered(detector, pending!, ONE_PACKET_MS), []);
});

test('the end of a recording decides what is pending as it is told to', () => {
  const detector = newDetector();
  step(detector, lost(), 0);
  step(detector, pickedUp(), 0);
  assert.deepEqual(short(abandon(detector, 5, 'stalled')), ['stalled backend_changed timeout broken']);
  assert.equal(detector.pending.size, 0);
});

const EARLY = { timeoutSeconds: 85_000 };
const untranslated = (sport: number) =>
  pickedUp({ original: originalTuple(sport), reply: { ...replyTuple(SERVICE, sport), sport: 6379 } });
const lostEarly = (sport: number) =>
  lost({ original: originalTuple(sport), reply: replyTuple(A, sport), ...EARLY });

test('text has no status bit: IPVS is learned from the first pickup that it did not translate', () => {
  const detector = newDetector();
  assert.deepEqual(short(step(detector, text(lostEarly(1)), 0)), ['lost kernel']);
  step(detector, text(untranslated(1)), 1);
  assert.deepEqual(short(step(detector, text(lostEarly(2)), 2)), ['lost ipvs']);
  const deleted = text(lost({ original: originalTuple(3), portId: 7, ...EARLY }));
  assert.deepEqual(short(step(detector, deleted, 3)), ['lost deleted'], 'a flush is still a flush');
  const other = text(lost({ original: { ...originalTuple(4), dport: 80 }, ...EARLY }));
  assert.deepEqual(short(step(detector, other, 4)), ['lost kernel'], 'another Service');
});

test('with the status bit nothing is learned: it is told', () => {
  const detector = newDetector();
  step(detector, lostEarly(1), 0);
  step(detector, untranslated(1), 1);
  assert.deepEqual(short(step(detector, lostEarly(2), 2)), ['lost kernel']);
});

test('without times nothing is told that needs them', () => {
  const detector = newDetector();
  const never = { atMs: Number.NaN };
  step(detector, text(lost({ ...never, portId: 7, timeoutSeconds: 431_000 })), 0);
  step(detector, text(pickedUp(never)), 0);
  const [finding] = step(detector, text(reset(never)), 0);
  assert.ok(finding?.kind === 'pickup' && finding.broken);
  assert.equal(finding.idleSeconds, undefined);
});
