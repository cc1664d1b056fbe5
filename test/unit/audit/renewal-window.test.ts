import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tickOf } from '../../../src/audit/flow-columns.ts';
import { isDue } from '../../../src/audit/protection.ts';
import { dueBelow, renewalWindow, roundInterval } from '../../../src/audit/renewal-window.ts';
import { originalTuple } from '../../support/flow-events.ts';
import { rowOf, snapshot, storeOf, TIMEOUTS } from './rows.ts';

const DAY = 86_400;
const MINUTE_MS = 60_000;

test('how often the table is read: as wanted, but eight times within the timeout', () => {
  for (const [timeoutSeconds, wantedMs, intervalMs] of [
    [5 * DAY, MINUTE_MS, MINUTE_MS],
    [480, MINUTE_MS, MINUTE_MS],
    [479, MINUTE_MS, 59_875],
    [60, MINUTE_MS, 7500],
    [6, MINUTE_MS, 750],
    [6, 300, 300],
    [2, MINUTE_MS, 500],
    [1, MINUTE_MS, 500],
    [0, MINUTE_MS, 500],
    [DAY, 86_400_000, 10_800_000],
  ] as const) {
    assert.equal(roundInterval(timeoutSeconds, wantedMs), intervalMs, `${timeoutSeconds} s, ${wantedMs} ms`);
  }
});

test('due between a half and a quarter of the timeout; never later than three rounds and a second before its end', () => {
  for (const [timeoutSeconds, roundMs, latest, earliest] of [
    [DAY, MINUTE_MS, DAY / 4, DAY / 2],
    [600, MINUTE_MS, 181, 300],
    [400, 50_000, 151, 200],
    [60, 7500, 23.5, 30],
    [6, 800, 3.4, 3.4],
    [2, 550, 2.65, 2.65],
  ] as const) {
    const window = renewalWindow(timeoutSeconds, roundMs);
    assert.deepEqual([window.latestSeconds, window.earliestSeconds], [latest, earliest]);
    assert.equal(window.urgentSeconds, (1.5 * roundMs) / 1000 + 1, 'more than the next round takes');
    assert.equal(dueBelow(window, 0), latest);
    assert.equal(dueBelow(window, 1), earliest);
    assert.equal(dueBelow(window, 0.5), (latest + earliest) / 2);
  }
});

test('connections opened together are not renewed together, and each has its moment for good', () => {
  const store = storeOf({ capacity: 2000 });
  const row = (i: number, timeoutSeconds: number) =>
    rowOf({ original: { ...originalTuple(30_000 + i), src: `10.244.1.${1 + (i % 5)}` }, timeoutSeconds });
  const dueAt = (left: number): number[] => {
    snapshot(
      store,
      1e7,
      Array.from({ length: 1000 }, (_, i) => row(i, left)),
    );
    const rule = { nowTick: tickOf(1e7), maxIdleTicks: 0, window: renewalWindow(DAY, MINUTE_MS) };
    return Array.from({ length: 1000 }, (_, slot) => slot).filter((slot) => isDue(store, rule, slot));
  };
  let before: number[] = [];
  for (let part = 0; part <= 10; part++) {
    const due = dueAt(DAY / 2 - (part / 10) * (DAY / 4));
    assert.ok(Math.abs(due.length - part * 100) <= 45, `${due.length} of 1000 after ${part} tenths`);
    assert.ok(
      before.every((slot) => due.includes(slot)),
      'who was due before still is',
    );
    before = due;
  }
  assert.deepEqual(dueAt(DAY / 2 + 2), []);
  assert.equal(dueAt(DAY / 4 - 2).length, 1000);
});

/** An entry in the kernel, and an agent that looks at it now and then. Times are seconds. */
interface Story {
  readonly timeout: number;
  /** The interval that is wanted, as a part of the timeout; a second at least. */
  readonly wantedPart: number;
  /** How long a round takes, as a part of the interval. */
  readonly roundPart: number;
  /** When the first round is, after the connection's last packet, as a part of the interval. */
  readonly phase: number;
  /** Rounds in which it cannot be renewed: its socket was overlooked, or the kernel did not answer. */
  readonly missed: (round: number) => boolean;
  readonly port: number;
}

/** Follows it through many renewals. Returns the least time that was left in a round, and when it was renewed. */
function follow({ timeout, wantedPart, roundPart, phase, missed, port }: Story) {
  const store = storeOf({ capacity: 4 });
  const intervalMs = roundInterval(timeout, Math.max(1000, wantedPart * timeout * 1000));
  const tookMs = intervalMs * roundPart;
  const timeouts = { ...TIMEOUTS, established: timeout };
  const renewedAt: number[] = [];
  let endsAtMs = 1e7 + timeout * 1000;
  let least = timeout;
  let nowMs = 1e7 + phase * intervalMs;
  for (let round = 0; renewedAt.length < 12 && round < 5000; round++) {
    const leftMs = endsAtMs - nowMs;
    least = Math.min(least, leftMs / 1000);
    if (leftMs <= 0) break;
    // The kernel sends whole seconds, cut off.
    const row = rowOf({ original: originalTuple(port), timeoutSeconds: Math.floor(leftMs / 1000) });
    snapshot(store, nowMs, [row], { timeouts });
    const window = renewalWindow(timeout, intervalMs + (round === 0 ? 0 : tookMs));
    const rule = { nowTick: tickOf(nowMs), maxIdleTicks: 0, window };
    if (isDue(store, rule, 0) && !missed(round)) {
      const atMs = nowMs + tookMs;
      // Renewed at the end of a round, if it lasts until then.
      if (endsAtMs <= atMs) return { least: 0, renewedAt };
      endsAtMs = atMs + timeout * 1000;
      store.renewed(0, timeout, atMs);
      renewedAt.push(atMs / 1000);
    }
    nowMs += tookMs + intervalMs;
  }
  return { least, renewedAt };
}

/** Timeouts from 2 s to 5 days, as many short ones as long ones. */
const anyTimeout = fc
  .double({ min: Math.log(2), max: Math.log(5 * DAY), noNaN: true })
  .map((x) => Math.round(Math.exp(x)));
const anyStory = {
  timeout: anyTimeout,
  wantedPart: fc.double({ min: 0.01, max: 2, noNaN: true }),
  phase: fc.double({ min: 0, max: 1, noNaN: true }),
  port: fc.integer({ min: 1024, max: 65_535 }),
};

const parts = (max: number) => fc.double({ min: 0, max, noNaN: true });

test('no entry slips through, whatever the timeout and the interval, also when two rounds of three fail', () => {
  fc.assert(
    fc.property(fc.record({ ...anyStory, offset: fc.nat(2) }), ({ offset, ...story }) => {
      const { least, renewedAt } = follow({
        ...story,
        roundPart: 0,
        missed: (round) => round % 3 !== offset,
      });
      assert.ok(least > 0 && renewedAt.length === 12, `${least} s left, renewed ${renewedAt.length} times`);
    }),
    { numRuns: 200 },
  );
});

test('nor when every second round fails, and they take half as long as the time between them', () => {
  fc.assert(
    fc.property(
      fc.record({ ...anyStory, roundPart: parts(0.5), offset: fc.nat(1) }),
      ({ offset, ...story }) => {
        const { least, renewedAt } = follow({ ...story, missed: (round) => round % 2 !== offset });
        assert.ok(least > 0 && renewedAt.length === 12, `${least} s left, renewed ${renewedAt.length} times`);
      },
    ),
    { numRuns: 200 },
  );
});

test('nor with rounds that take as long again as the time between them', () => {
  fc.assert(
    fc.property(fc.record({ ...anyStory, roundPart: parts(1) }), (story) => {
      const { least, renewedAt } = follow({ ...story, missed: () => false });
      assert.ok(least > 0 && renewedAt.length === 12, `${least} s left, renewed ${renewedAt.length} times`);
    }),
    { numRuns: 200 },
  );
});

test('with a timeout of a few minutes or more an entry is not renewed more often than twice within it', () => {
  fc.assert(
    fc.property(fc.record({ ...anyStory, timeout: fc.integer({ min: 120, max: 5 * DAY }) }), (story) => {
      const wantedPart = Math.min(60 / story.timeout, story.wantedPart);
      const { renewedAt } = follow({ ...story, wantedPart, roundPart: 0.02, missed: () => false });
      const gaps = renewedAt.slice(1).map((at, i) => at - renewedAt[i]!);
      assert.ok(Math.min(...gaps) >= story.timeout / 2 - 2, `${Math.min(...gaps)} of ${story.timeout}`);
    }),
    { numRuns: 100 },
  );
});
