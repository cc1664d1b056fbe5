/** Many rounds of one connection that is used now and then: whatever its packets make of the timer, its entry lives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tickOf } from '../../../src/audit/flow-columns.ts';
import { isDue } from '../../../src/audit/protection.ts';
import { renewalWindow, roundInterval } from '../../../src/audit/renewal-window.ts';
import { renewBatch } from '../../../src/commands/protect/renew-batch.ts';
import { A, CLIENT, originalTuple, SERVICE } from '../../support/flow-events.ts';
import { rowOf, STATUS, snapshot, storeOf, TIMEOUTS } from '../audit/rows.ts';
import { fakeRenewals } from './fake-renewals.ts';

const START = 1e9;
const { sport } = originalTuple();

/** An entry whose timer each packet sets anew, and an agent in rounds. `gaps`: seconds between packets. */
function live(timeout: number, roundMs: number, gaps: readonly number[]) {
  const store = storeOf({ capacity: 4 }, START - 1);
  const kernel = fakeRenewals();
  const timeouts = { ...TIMEOUTS, established: timeout };
  const window = renewalWindow(timeout, roundInterval(timeout, 60_000) + roundMs);
  let nowMs = START;
  let endsAtMs = START + timeout * 1000;
  let lastPacketMs = START;
  const packets = gaps.values();
  let nextPacketMs = START + (packets.next().value ?? 1e6) * 1000;
  let least = timeout;
  /** Lets time go by, with the packets that come in it. Nothing is sent on once the entry is gone. */
  const passTo = (ms: number) => {
    while (nextPacketMs <= ms && nextPacketMs < endsAtMs) {
      lastPacketMs = nextPacketMs;
      endsAtMs = nextPacketMs + timeout * 1000;
      nextPacketMs += (packets.next().value ?? 1e6) * 1000;
    }
    nowMs = ms;
    least = Math.min(least, (endsAtMs - nowMs) / 1000);
    const left = Math.floor((endsAtMs - nowMs) / 1000);
    kernel.entries.set(sport, {
      ...{ original: [CLIENT, sport, SERVICE, 6379], reply: [A, 8080, CLIENT, sport] },
      ...{ status: STATUS, state: 3, timeout: Math.max(0, left) },
    });
    return rowOf({ timeoutSeconds: left });
  };
  const { renew } = kernel;
  kernel.renew = (...args) => {
    renew(...args);
    endsAtMs = nowMs + timeout * 1000;
    passTo(nowMs);
  };
  const endMs = START + (gaps.reduce((sum, gap) => sum + gap, 0) + 4 * timeout) * 1000;
  for (let round = 0; nowMs < endMs && least > 0; round++) {
    const startedAtMs = nowMs;
    snapshot(store, startedAtMs, [passTo(startedAtMs)], { timeouts });
    const rule = { nowTick: tickOf(startedAtMs), maxIdleTicks: 0, window };
    const due = isDue(store, rule, 0);
    passTo(startedAtMs + roundMs);
    if (due) renewBatch(store, kernel, [0], timeouts, () => nowMs);
    passTo(nowMs + roundInterval(timeout, 60_000) + (round % 5));
  }
  return { least, told: store.columns.lastActivity[0]!, lastPacketMs };
}

/** What once was taken for used before each renewal, and for unused by each snapshot, at the same moments of a second. */
const OUT_OF_STEP = [
  0.13946802202049197, 0.8586101602723522, 0.10929996260847344, 0.15127162216526452, 0.4535478727838545,
  0.2274152780001456, 0.24773374894177508, 0.1006242606004784, 0.7891637041439687, 0.07267772203198719,
];

test('used at any moments, its entry never runs out', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }),
      fc.integer({ min: 10, max: 200 }),
      fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { maxLength: 12 }),
      (timeout, roundMs, parts) => {
        const gaps = parts.map((part) => part * part * 2 * timeout);
        const { least } = live(timeout, roundMs, gaps);
        assert.ok(least > 0, `${least} s left`);
      },
    ),
    { numRuns: 300, examples: [[39, 159, OUT_OF_STEP]] },
  );
});

test('and its idle time is never told shorter than it is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }),
      fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { maxLength: 12 }),
      (timeout, parts) => {
        const { told, lastPacketMs } = live(
          timeout,
          50,
          parts.map((part) => part * 2 * timeout),
        );
        assert.ok(told <= tickOf(lastPacketMs) + 12, `${(told - tickOf(lastPacketMs)) / 10} s`);
      },
    ),
    { numRuns: 200 },
  );
});
