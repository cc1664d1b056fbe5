import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickOf } from '../../../src/audit/flow-columns.ts';
import { isDue, isUnchanged, protectionOf } from '../../../src/audit/protection.ts';
import { renewalWindow } from '../../../src/audit/renewal-window.ts';
import { SocketMarks } from '../../../src/audit/socket-marks.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';
import { A, B, CLIENT, originalTuple, replyTuple } from '../../support/flow-events.ts';
import {
  CLOSE_WAIT,
  FIN_WAIT,
  IPVS_STATUS,
  LAST_ACK,
  OFFLOAD,
  originalTuple6,
  type RowSpec,
  replyTuple6,
  rowOf,
  STATUS,
  snapshot,
  socketOf,
  storeOf,
  TIMEOUTS,
  wordsOf,
} from './rows.ts';

const NOW = 1e10;
const DAY = 86_400;
const SOCKET_CLOSE_WAIT = 8;
const SOCKET_FIN_WAIT1 = 4;

interface Look {
  readonly row?: RowSpec;
  readonly client?: Partial<TcpSocket>;
  readonly isLocal?: boolean;
  readonly isEndpoint?: boolean | undefined;
  readonly maxIdleSeconds?: number;
}

/** What is said of the one flow of a snapshot. */
function verdictOf(look: Look): string {
  const { row = {}, client, isLocal = true, maxIdleSeconds = 7 * DAY } = look;
  const store = storeOf({}, 0);
  snapshot(store, NOW, [rowOf(row)]);
  const marks = new SocketMarks(store, TIMEOUTS);
  marks.prepare(0, 10);
  if (client) marks.mark(socketOf(row.original ?? originalTuple(), client), NOW);
  if (isLocal) marks.addLocalAddress(false, wordsOf(CLIENT));
  const context = { store, timeouts: TIMEOUTS, isLocalClient: (slot: number) => marks.isLocalClient(slot) };
  const rule = {
    nowTick: tickOf(NOW),
    maxIdleTicks: maxIdleSeconds * 10,
    window: renewalWindow(DAY, 60_000),
  };
  return protectionOf(context, rule, 0, 'isEndpoint' in look ? look.isEndpoint : true);
}

test('whose entries are kept, and why others are not', () => {
  const open = {};
  const rows: readonly (readonly [string, Look])[] = [
    ['protected', { client: open }],
    ['protected', { client: open, isLocal: false }],
    ['protected', { client: { timer: 2, timerHundredths: 720_000 } }],
    ['protected', { client: { timer: 1, timerHundredths: 20 } }],
    ['protected', { client: open, row: { original: originalTuple6(), reply: replyTuple6() } }],
    ['protected', { client: open, row: { reply: replyTuple(A, 1, ['10.0.0.9', 14_992]) } }],
    ['protected', { client: open, row: { status: STATUS | OFFLOAD } }],
    // The client's program is gone, or has closed its end.
    ['client_gone', {}],
    ['client_gone', { client: { state: SOCKET_FIN_WAIT1 } }],
    ['client_unseen', { isLocal: false }],
    // One end has closed it: as the socket says it, or the entry.
    ['half_closed', { client: { state: SOCKET_CLOSE_WAIT } }],
    ...[FIN_WAIT, CLOSE_WAIT, LAST_ACK].map(
      (tcpState) => ['half_closed', { client: open, row: { tcpState } }] as const,
    ),
    ['ipvs', { client: open, row: { status: IPVS_STATUS } }],
    ['backend_gone', { client: open, isEndpoint: false }],
    ['service_unknown', { client: open, isEndpoint: undefined }],
    ['service_unknown', { isEndpoint: undefined }],
    // 400 s and half a second were used up.
    ['protected', { client: open, maxIdleSeconds: 400 }],
    ['max_idle', { client: open, maxIdleSeconds: 399 }],
    // Not known for how long it is idle: it is kept, and from its renewal on it is counted.
    ['protected', { client: open, maxIdleSeconds: 1, row: { timeoutSeconds: 200 } }],
  ];
  for (const [expected, look] of rows) assert.equal(verdictOf(look), expected, JSON.stringify(look));
});

test('what has more than the whole timeout is never due, however long a round is: it would lose some', () => {
  const rule = { nowTick: tickOf(NOW), maxIdleTicks: 0, window: renewalWindow(6, 60_000) };
  for (const [timeoutSeconds, expected] of [
    [5, true],
    [6, true],
    [7, false],
    [100, false],
  ] as const) {
    const store = storeOf();
    snapshot(store, NOW, [rowOf({ timeoutSeconds })]);
    assert.equal(isDue(store, rule, 0), expected, `${timeoutSeconds} s left`);
  }
});

test('due is what has so little time left, at its own moment between the two', () => {
  const store = storeOf();
  const window = renewalWindow(DAY, 60_000);
  const dueWith = (timeoutSeconds: number) => {
    snapshot(store, NOW, [rowOf({ timeoutSeconds })]);
    return isDue(store, { nowTick: tickOf(NOW), maxIdleTicks: 0, window }, 0);
  };
  assert.equal(dueWith(DAY / 2 + 1), false);
  assert.equal(dueWith(DAY / 4 - 1), true);
  let [early, late] = [DAY / 4, DAY / 2];
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (dueWith(middle)) early = middle;
    else late = middle;
  }
  assert.ok(early > DAY / 4 && late < DAY / 2, `this one at ${late}`);
});

test('only the entry that the snapshot saw, established and not used since, is unchanged', () => {
  const seconds = 30;
  const SECOND = 1000;
  const seen = { timeoutSeconds: seconds };
  const seen6 = { ...seen, original: originalTuple6(), reply: replyTuple6() };
  const rows: readonly (readonly [boolean, string, RowSpec, RowSpec])[] = [
    [true, 'the same', seen, { timeoutSeconds: seconds - 5 }],
    [true, 'the same, by IPv6', seen6, { ...seen6, timeoutSeconds: seconds - 5 }],
    [true, 'rounded another way', seen, { timeoutSeconds: seconds - 4 }],
    [true, 'unacknowledged data took time from it', seen, { timeoutSeconds: 3 }],
    [false, 'used since', seen, { timeoutSeconds: seconds - 2 }],
    [false, 'used since', seen, { timeoutSeconds: DAY }],
    [false, 'closing', seen, { timeoutSeconds: 20, tcpState: FIN_WAIT }],
    [false, 'closed', seen, { timeoutSeconds: 9, tcpState: 8 }],
    [
      false,
      'another connection with the same ports',
      seen,
      { timeoutSeconds: 20, tcpState: 1, status: 0x188 },
    ],
    [false, 'picked up again, and not answered', seen, { timeoutSeconds: 20, status: 0x1a8 }],
    [false, 'not ASSURED', seen, { timeoutSeconds: 20, status: STATUS & ~4 }],
    [false, 'no longer translated', seen, { timeoutSeconds: 20, status: IPVS_STATUS }],
    [false, 'another backend', seen, { timeoutSeconds: 20, reply: replyTuple(B) }],
    [false, 'another port of it', seen, { timeoutSeconds: 20, reply: { ...replyTuple(A), sport: 8081 } }],
    [
      false,
      'masqueraded by now',
      seen,
      { timeoutSeconds: 20, reply: replyTuple(A, 1, ['10.0.0.9', 40_001]) },
    ],
    [false, 'from another port', seen, { timeoutSeconds: 20, reply: replyTuple(A, 1, [CLIENT, 14_992]) }],
    [false, 'another zone', seen, { timeoutSeconds: 20, zone: 7 }],
    [
      false,
      'another backend, by IPv6',
      seen6,
      { ...seen6, timeoutSeconds: 20, reply: replyTuple6('2001:db8:2::9') },
    ],
    [false, 'another family', seen, { ...seen6, timeoutSeconds: 20 }],
  ];
  for (const [expected, what, before, now] of rows) {
    const store = storeOf();
    snapshot(store, NOW, [rowOf(before)]);
    assert.equal(isUnchanged(store, 0, rowOf(now), NOW + 5 * SECOND), expected, what);
  }
});
