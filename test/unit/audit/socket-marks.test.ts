import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CLIENT_BUSY,
  CLIENT_KEEPALIVE,
  CLIENT_OPEN,
  CLIENT_SEEN,
  SERVER_KEEPALIVE,
  SOCKET_BITS,
  tickOf,
} from '../../../src/audit/flow-columns.ts';
import type { FlowStore } from '../../../src/audit/flow-store.ts';
import { SocketMarks } from '../../../src/audit/socket-marks.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';
import { A, B, CLIENT, originalTuple, replyTuple, SERVICE } from '../../support/flow-events.ts';
import {
  CLIENT6,
  CLOSE_WAIT,
  originalTuple6,
  replyTuple6,
  rowOf,
  SERVICE6,
  snapshot,
  socketOf,
  storeOf,
  TIMEOUTS,
  wordsOf,
} from './rows.ts';

const NOW = 10_000_000;

const NAMES = [
  [CLIENT_SEEN, 'seen'],
  [CLIENT_OPEN, 'open'],
  [CLIENT_KEEPALIVE, 'keepalive'],
  [CLIENT_BUSY, 'busy'],
  [SERVER_KEEPALIVE, 'server'],
] as const;
const marksOf = (store: FlowStore, slot = 0) =>
  NAMES.flatMap(([bit, name]) => (store.columns.flags[slot]! & bit ? [name] : [])).join(' ');

/** A look at these sockets. */
function look(store: FlowStore, nowMs: number, ...sockets: readonly TcpSocket[]): SocketMarks {
  const marks = new SocketMarks(store, TIMEOUTS);
  for (let from = marks.prepare(0, 2); from !== -1; ) from = marks.prepare(from, 2);
  for (const socket of sockets) marks.mark(socket, nowMs);
  return marks;
}

function storeWith(...rows: Parameters<typeof rowOf>[0][]): FlowStore {
  const store = storeOf();
  snapshot(store, NOW, rows.map(rowOf));
  return store;
}

/** The backend's end of a connection. */
const serverSocket = (reply: Tuple, change: Partial<TcpSocket> = {}) => socketOf(reply, change);
const keepalive = (seconds: number) => ({ timer: 2, timerHundredths: Math.round(seconds * 100) });

test('a client’s socket, by its state and timer', () => {
  for (const [what, change, expected, keepIdle] of [
    ['no timer', {}, 'seen open', 0],
    ['keepalive armed', keepalive(7200), 'seen open keepalive', 7200],
    ['rounded up, as whole seconds are set', keepalive(7199.01), 'seen open keepalive', 7200],
    ['longer than the number can tell', keepalive(100_000), 'seen open keepalive', 0xffff],
    ['sending', { timer: 1, timerHundredths: 20 }, 'seen open busy', 0],
    ['zero window', { timer: 4, timerHundredths: 20 }, 'seen open busy', 0],
    ['the server has closed', { state: 8 }, 'seen open', 0],
    ['the server has closed, keepalive', { state: 8, ...keepalive(10) }, 'seen open keepalive', 10],
    ...[2, 3, 4, 5, 6, 7, 9, 10, 11, 12].map(
      (state) => [`state ${state}`, { state, ...keepalive(10) }, '', 0] as const,
    ),
  ] as const) {
    const store = storeWith({});
    look(store, NOW, socketOf(originalTuple(), change));
    assert.equal(marksOf(store), expected, what);
    assert.equal(store.columns.keepIdle[0], keepIdle, what);
    const probeAt = tickOf(NOW + (change as Partial<TcpSocket>).timerHundredths! * 10);
    if (expected.includes('keepalive')) assert.equal(store.columns.probeAt[0], probeAt, what);
  }
});

test('the longest time that keepalive was ever set to is kept, and forgotten without keepalive', () => {
  const store = storeWith({});
  look(store, NOW, socketOf(originalTuple(), keepalive(7200)));
  look(store, NOW + 1000, socketOf(originalTuple(), keepalive(100)));
  assert.equal(store.columns.keepIdle[0], 7200);
  assert.equal(store.columns.probeAt[0], tickOf(NOW + 101_000), 'the timer as it is now');
  look(store, NOW + 2000, socketOf(originalTuple(), { timer: 1, timerHundredths: 20 }));
  assert.equal(marksOf(store), 'seen open keepalive busy', 'what was seen of it before still holds');
  assert.equal(store.columns.probeAt[0], tickOf(NOW + 2000 + 7_200_000));
  look(store, NOW + 3000, socketOf());
  assert.deepEqual([marksOf(store), store.columns.keepIdle[0]], ['seen open', 0]);
  look(store, NOW + 4000, socketOf(originalTuple(), { timer: 1, timerHundredths: 20 }));
  assert.equal(marksOf(store), 'seen open busy');
});

test('what keepalive was set to is the flow’s, not that of the next one in its memory', () => {
  const store = storeWith({});
  look(store, NOW, socketOf(originalTuple(), keepalive(7200)));
  store.remove(0, originalTuple());
  snapshot(store, NOW + 1000, [rowOf({ original: originalTuple(2) })]);
  look(store, NOW + 1000, socketOf(originalTuple(2), { timer: 1, timerHundredths: 20 }));
  assert.deepEqual([store.slots, marksOf(store)], [1, 'seen open busy']);
});

test('a look takes back what the one before said', () => {
  const rows = Array.from({ length: 5 }, (_, i) => ({ original: originalTuple(i + 1) }));
  const store = storeWith(...rows);
  const all = rows.flatMap(({ original }) => [
    socketOf(original, keepalive(60)),
    serverSocket(replyTuple(A, original.sport), keepalive(60)),
  ]);
  look(store, NOW, ...all);
  assert.deepEqual(
    rows.map((_, slot) => marksOf(store, slot)),
    rows.map(() => 'seen open keepalive server'),
  );
  look(store, NOW);
  for (const slot of rows.keys()) assert.equal(store.columns.flags[slot]! & SOCKET_BITS, 0);
});

test('a server’s socket counts if its keepalive comes before the entry goes', () => {
  const masqueraded = replyTuple(A, 1, ['10.244.0.1', 14992]);
  for (const [what, row, socket, expected] of [
    ['in time', {}, serverSocket(replyTuple(A), keepalive(7200)), 'server'],
    ['in CLOSE_WAIT', {}, serverSocket(replyTuple(A), { state: 8, ...keepalive(7200) }), 'server'],
    ['a little in time', {}, serverSocket(replyTuple(A), keepalive(86_399.99)), 'server'],
    ['too late', {}, serverSocket(replyTuple(A), keepalive(86_400)), ''],
    ['too late for this state', { tcpState: CLOSE_WAIT }, serverSocket(replyTuple(A), keepalive(60)), ''],
    ['no keepalive', {}, serverSocket(replyTuple(A)), ''],
    ['sending', {}, serverSocket(replyTuple(A), { timer: 1, timerHundredths: 20 }), ''],
    ['closing', {}, serverSocket(replyTuple(A), { state: 4, ...keepalive(60) }), ''],
    ['another backend', {}, serverSocket(replyTuple(B), keepalive(60)), ''],
    ['masqueraded', { reply: masqueraded }, serverSocket(masqueraded, keepalive(60)), 'server'],
    ['not masqueraded', { reply: masqueraded }, serverSocket(replyTuple(A), keepalive(60)), ''],
  ] as const) {
    const store = storeWith(row);
    look(store, NOW, socket);
    assert.equal(marksOf(store), expected, what);
  }
});

test('of any zone, and of IPv6; other flows are left alone', () => {
  const store = storeWith(
    { zone: 5 },
    { zone: 5, original: originalTuple6(), reply: replyTuple6() },
    { original: originalTuple(2) },
    { original: originalTuple6(2), reply: replyTuple6(undefined, 2) },
  );
  look(store, NOW, socketOf(), socketOf(originalTuple6()), serverSocket(replyTuple6(), keepalive(60)));
  assert.deepEqual(
    [0, 1, 2, 3].map((slot) => marksOf(store, slot)),
    ['seen open', 'seen open server', '', ''],
  );
});

test('a socket’s flow is marked when the dump missed it, for that proves a loss; not when it is only remembered', () => {
  const store = storeWith({});
  snapshot(store, NOW + 1000, []);
  look(store, NOW + 1000, socketOf());
  assert.equal(marksOf(store), 'seen open');
  snapshot(store, NOW + 2000, [], { judge: () => 'remember' });
  assert.equal(marksOf(store), '');
  look(store, NOW + 3000, socketOf(), serverSocket(replyTuple(A), keepalive(60)));
  assert.equal(marksOf(store), '');
  assert.equal(store.read(0, 0).goneAtMs, NOW + 2000);
});

test('what a socket said of a flow is not said of it after it was gone', () => {
  const store = storeWith({});
  look(store, NOW, socketOf());
  snapshot(store, NOW + 1000, [], { judge: () => 'remember' });
  snapshot(store, NOW + 2000, [rowOf()], { judge: () => 'remember' });
  assert.equal(marksOf(store), '');
});

test('wanted are the addresses of clients and servers', () => {
  const store = storeWith({}, { original: originalTuple6(), reply: replyTuple6() });
  const marks = look(store, NOW);
  for (const [ip, expected] of [
    [CLIENT, true],
    [A, true],
    [SERVICE, false],
    [B, false],
    [CLIENT6, true],
    ['2001:db8:2::1', true],
    ['2001:db8:2::9', false],
  ] as const) {
    assert.equal(marks.wants(ip.includes(':'), wordsOf(ip)), expected, ip);
  }
});

test('flows that are only remembered want nothing', () => {
  const store = storeWith({});
  snapshot(store, NOW + 1000, [], { judge: () => 'remember' });
  assert.equal(look(store, NOW).wants(false, wordsOf(CLIENT)), false);
});

test('too many ends to remember: every address is wanted', () => {
  const store = storeOf({ capacity: 70_000 });
  const row = rowOf();
  const clients = (count: number) => {
    store.begin(0, TIMEOUTS, false);
    for (let i = 0; i < count; i++) {
      row.words[0] = 0x0b00_0000 + i;
      store.put(row);
    }
  };
  const others = [wordsOf('9.9.9.9'), wordsOf(SERVICE)];
  clients(60_000);
  assert.deepEqual(
    others.map((words) => look(store, NOW).wants(false, words)),
    [false, false],
  );
  clients(70_000);
  assert.equal(store.size, 70_000);
  assert.deepEqual(
    others.map((words) => look(store, NOW).wants(false, words)),
    [true, true],
  );
});

test('a client is local if it has an address of a namespace that was looked into', () => {
  const store = storeWith(
    { original: { ...originalTuple(), src: '10.244.1.8' } },
    {},
    { original: originalTuple6(), reply: replyTuple6() },
    { original: { ...originalTuple6(), src: '2001:db8:1::8' }, reply: replyTuple6() },
  );
  const local = (...ips: string[]) => {
    const marks = look(store, NOW);
    for (const ip of ips) marks.addLocalAddress(ip.includes(':'), wordsOf(ip));
    return [0, 1, 2, 3].map((slot) => marks.isLocalClient(slot));
  };
  assert.deepEqual(local(), [false, false, false, false]);
  assert.deepEqual(local(CLIENT, A), [false, true, false, false]);
  assert.deepEqual(local(CLIENT6, '2001:db8:1::99', SERVICE6), [false, false, true, false]);
  assert.deepEqual(local(CLIENT, CLIENT6), [false, true, true, false]);
});
