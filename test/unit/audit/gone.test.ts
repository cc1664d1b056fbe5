import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whatBecameOf } from '../../../src/audit/gone.ts';
import { SocketMarks } from '../../../src/audit/socket-marks.ts';
import { CLIENT } from '../../support/flow-events.ts';
import { rowOf, snapshot, socketOf, storeOf, TIMEOUTS, wordsOf } from './rows.ts';

const SEEN = 10_000_000;
/** The entry had 600 s left, and half a second is added to whole seconds. */
const EXPIRES = SEEN + 600_500;

interface Case {
  readonly open: boolean;
  readonly expired: boolean;
  readonly blind: boolean;
  readonly eventsLost: 'never' | 'before' | 'since' | 'just then';
  readonly sockets: 'not looked at' | 'other address' | 'local client';
}

function became({ open, expired, blind, eventsLost, sockets }: Case, tcpState = 3): string {
  const store = storeOf();
  snapshot(store, SEEN, [rowOf({ timeoutSeconds: 600, tcpState })], { unheard: blind });
  const marks = new SocketMarks(store, TIMEOUTS);
  marks.prepare(0, 10);
  if (open) marks.mark(socketOf(), SEEN + 1000);
  if (sockets === 'local client') marks.addLocalAddress(false, wordsOf(CLIENT));
  return whatBecameOf(store, 0, {
    nowMs: expired ? EXPIRES : EXPIRES - 100,
    eventsLostAtMs: {
      never: Number.NEGATIVE_INFINITY,
      before: SEEN - 101,
      'just then': SEEN - 100,
      since: SEEN + 1,
    }[eventsLost],
    sockets: sockets === 'not looked at' ? undefined : marks,
  });
}

/** A loss would have been told: does its time having run out, and its client being gone, make a difference? */
const TOLD = { expired: 'maybe', running: 'closed' };
const NOT_TOLD = {
  'expired, not looked at': 'lost',
  'expired, other address': 'lost',
  'expired, local client': 'maybe',
  'running, not looked at': 'maybe',
  'running, other address': 'maybe',
  'running, local client': 'maybe',
};

test('what became of a flow, in every combination of what is known', () => {
  const seen = new Map<string, number>();
  for (const open of [false, true]) {
    for (const expired of [false, true]) {
      for (const blind of [false, true]) {
        for (const eventsLost of ['never', 'before', 'just then', 'since'] as const) {
          for (const sockets of ['not looked at', 'other address', 'local client'] as const) {
            const isTold = !blind && (eventsLost === 'never' || eventsLost === 'before');
            const time = expired ? 'expired' : 'running';
            const notTold = open ? 'lost' : NOT_TOLD[`${time}, ${sockets}`];
            const expected = isTold ? TOLD[time] : notTold;
            const each = { open, expired, blind, eventsLost, sockets };
            assert.equal(became(each), expected, JSON.stringify(each));
            seen.set(expected, (seen.get(expected) ?? 0) + 1);
          }
        }
      }
    }
  }
  assert.deepEqual(Object.fromEntries(seen), { closed: 12, maybe: 36, lost: 48 });
});

test('a flow that was closing is not lost because its short time is over', () => {
  const each = {
    open: false,
    expired: true,
    blind: true,
    eventsLost: 'never',
    sockets: 'other address',
  } as const;
  assert.deepEqual(
    [3, 4, 5, 6].map((state) => became(each, state)),
    ['lost', 'maybe', 'maybe', 'maybe'],
  );
});
