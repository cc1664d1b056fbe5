import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaksAt, describeRisk, type RiskContext, riskOf } from '../../../src/audit/at-risk.ts';
import { msOf, tickOf } from '../../../src/audit/flow-columns.ts';
import { SocketMarks } from '../../../src/audit/socket-marks.ts';
import type { TcpTimeouts } from '../../../src/lib/tcp-timeouts.ts';
import type { RiskReason } from '../../../src/model/at-risk.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';
import type { BackendChoice } from '../../../src/model/topology.ts';
import { A, B, C, CLIENT, originalTuple, replyTuple } from '../../support/flow-events.ts';
import {
  CLOSE_WAIT,
  FIN_WAIT,
  IPVS_STATUS,
  LAST_ACK,
  originalTuple6,
  type RowSpec,
  replyTuple6,
  rowOf,
  snapshot,
  socketOf,
  storeOf,
  TIMEOUTS,
  wordsOf,
} from './rows.ts';

const START = 10_000_000;
const NONE = {};
const SENDING = { timer: 1, timerHundredths: 20 };
const keepalive = (seconds: number) => ({ timer: 2, timerHundredths: seconds * 100 });
const timeouts = (established: number): TcpTimeouts => ({ ...TIMEOUTS, established });

/** One look at the flow: its entry, and its client's and server's sockets. */
interface Look {
  /** Seconds after the first. */
  readonly at?: number;
  readonly row?: RowSpec;
  readonly client?: Partial<TcpSocket>;
  readonly server?: Partial<TcpSocket>;
  readonly isLocal?: boolean;
  readonly timeouts?: TcpTimeouts;
}

interface Looked {
  readonly context: RiskContext;
  readonly nowTick: number;
}

/** A flow after some looks. Its entry is not in the dump twice. */
function looked(...looks: readonly Look[]): Looked {
  const store = storeOf({}, START - 1000);
  let context: RiskContext | undefined;
  let nowMs = START;
  for (const look of looks) {
    const times = look.timeouts ?? TIMEOUTS;
    nowMs = START + (look.at ?? 0) * 1000;
    const row = rowOf(look.row);
    snapshot(store, nowMs, [row], { timeouts: times });
    const marks = new SocketMarks(store, times);
    marks.prepare(0, 10);
    const original = look.row?.original ?? originalTuple();
    const reply = look.row?.reply ?? replyTuple(A);
    if (look.client) marks.mark(socketOf(original, look.client), nowMs);
    if (look.server) marks.mark(socketOf(reply, look.server), nowMs);
    if (look.isLocal) marks.addLocalAddress(false, wordsOf(CLIENT));
    context = { store, timeouts: times, isLocalClient: (slot) => marks.isLocalClient(slot) };
  }
  return { context: context!, nowTick: tickOf(nowMs) };
}

const risk = (choice: BackendChoice | undefined, ...looks: readonly Look[]) =>
  riskOf(looked(...looks).context, 0, choice);

const chooses = (endpoints: readonly string[], affinitySeconds?: number): BackendChoice => ({
  endpoints: endpoints.map((ip) => ({ ip, port: 8080 })),
  affinitySeconds,
});

type Rows = readonly (readonly [what: string, expected: RiskReason | undefined, ...looks: readonly Look[]])[];

function assertRisks(rows: Rows, choice?: BackendChoice): void {
  for (const [what, expected, ...looks] of rows) assert.equal(risk(choice, ...looks), expected, what);
}

test('the client’s keepalive: armed, none, or not to be seen', () => {
  assertRisks([
    ['none', 'no_keepalive', { client: NONE }],
    ['armed, in time', undefined, { client: keepalive(7200) }],
    ['busy sending', 'unknown', { client: SENDING }],
    [
      'busy, and armed at the look before',
      undefined,
      { client: keepalive(7200) },
      { at: 60, client: SENDING },
    ],
    [
      'armed at the look before, now none',
      'no_keepalive',
      { client: keepalive(7200) },
      { at: 60, client: NONE },
    ],
    ['a client somewhere else', 'unknown', {}],
    ['a local client that has no such socket any more: nobody will send', undefined, { isLocal: true }],
    ['a local client with its socket', 'no_keepalive', { isLocal: true, client: NONE }],
  ]);
});

test('a server that probes keeps the flow', () => {
  assertRisks([
    ['with a client elsewhere', undefined, { server: keepalive(7200) }],
    ['with a client that does not', undefined, { server: keepalive(7200), client: NONE }],
    ['not if its probe is late', 'no_keepalive', { server: keepalive(90_000), client: NONE }],
    ['not if it does not', 'no_keepalive', { server: NONE, client: NONE }],
  ]);
});

const STATES = [3, FIN_WAIT, CLOSE_WAIT, LAST_ACK];

test('half-closed flows are not at risk: nobody keeps them open for long', () => {
  const row = (tcpState: number) => ({ tcpState, timeoutSeconds: tcpState === 3 ? 86_000 : 20 });
  assert.deepEqual(
    STATES.map((tcpState) => risk(undefined, { row: row(tcpState), client: NONE })),
    ['no_keepalive', undefined, undefined, undefined],
  );
});

test('slow keepalive: the first probe comes after the entry is gone', () => {
  const idle = { timeoutSeconds: 500 };
  assertRisks([
    ['well before', undefined, { row: idle, client: keepalive(400) }],
    ['the last moment', undefined, { row: idle, client: keepalive(500) }],
    ['after it', 'slow_keepalive', { row: idle, client: keepalive(501) }],
    ['at the same time', 'slow_keepalive', { row: idle, client: keepalive(500.5) }],
  ]);
});

test('slow keepalive: the idle setting is no shorter than the timeout, though this once a probe comes in time', () => {
  // Armed two hours before, and the connection was in use since; how long ago is not known.
  const looks = (full: number): Look[] => [
    { client: keepalive(7200), timeouts: timeouts(full) },
    { at: 7100, row: { timeoutSeconds: 200 }, client: keepalive(100), timeouts: timeouts(full) },
  ];
  assertRisks([
    ['an hour', 'slow_keepalive', ...looks(3600)],
    ['the same', 'slow_keepalive', ...looks(7200)],
    ['a little longer', undefined, ...looks(7201)],
  ]);
});

test('a keepalive timer that was armed before the last packet only sets itself anew when it fires', () => {
  // 95 s ago there was a packet, so the timer that fires in 100 s does not probe then.
  const { context, nowTick } = looked(
    { client: keepalive(7200) },
    { at: 7100, row: { timeoutSeconds: 86_305 }, client: keepalive(100) },
  );
  const probe = (tick: number) => {
    const { keepalive: state } = describeRisk(context, 0, 'slow_keepalive', tick);
    return state.state === 'armed' ? [state.probeInSeconds, state.idleSetting] : state.state;
  };
  assert.deepEqual(probe(nowTick), [7200 - 94.5, 7200]);
  assert.deepEqual(probe(nowTick + 10), [7200 - 95.5, 7200]);
  assert.deepEqual(probe(nowTick + 100_000), [0, 7200], 'never in the past');
  // Without a packet since, it does.
  const unused = looked(
    { client: keepalive(7200) },
    { at: 7100, row: { timeoutSeconds: 79_000 }, client: keepalive(100) },
  );
  const first = describeRisk(unused.context, 0, 'slow_keepalive', unused.nowTick).keepalive;
  assert.deepEqual(first, { state: 'armed', probeInSeconds: 100, idleSetting: 7200 });
});

test('with one endpoint and no masquerade the next packet gets the same mapping', () => {
  const masqueraded = [
    { reply: replyTuple(A, 1, ['10.244.0.1', 40001]) },
    { reply: replyTuple(A, 1, [CLIENT, 14992]) },
  ];
  for (const [what, choice, expected, row] of [
    ['one endpoint', chooses([A]), undefined, {}],
    ['two endpoints', chooses([A, B]), 'no_keepalive', {}],
    ['no endpoint', chooses([]), 'no_keepalive', {}],
    ['another endpoint than it has', chooses([B]), 'no_keepalive', {}],
    [
      'the same address, another port',
      { ...chooses([]), endpoints: [{ ip: A, port: 1 }] },
      'no_keepalive',
      {},
    ],
    ['one, masqueraded to an address', chooses([A]), 'no_keepalive', masqueraded[0]!],
    ['one, masqueraded to a port', chooses([A]), 'no_keepalive', masqueraded[1]!],
    ['one, through IPVS', chooses([A]), 'no_keepalive', { status: IPVS_STATUS }],
    ['nothing known of the Service', undefined, 'no_keepalive', {}],
  ] as const) {
    assert.equal(risk(choice, { row, client: NONE }), expected, what);
  }
  const six = { original: originalTuple6(), reply: replyTuple6() };
  assert.equal(risk(chooses(['2001:db8:2::1']), { row: six, client: NONE }), undefined, 'IPv6');
  assert.equal(risk(chooses(['2001:db8:2::2']), { row: six, client: NONE }), 'no_keepalive', 'IPv6');
});

test('session affinity gives the same mapping while it outlives the entry', () => {
  const row = (timeoutSeconds: number): RowSpec => ({ timeoutSeconds });
  const hour = timeouts(3600);
  const client = NONE;
  // The pick was no later than the last packet, 600 s ago, and the entry goes in 3000.5 s.
  const once = { row: row(3000), client, timeouts: hour };
  for (const [what, choice, expected] of [
    ['long enough', chooses([A, B], 10_800), undefined],
    ['just long enough', chooses([A, B], 3601), undefined],
    ['not long enough', chooses([A, B], 3600), 'no_keepalive'],
    ['none', chooses([A, B]), 'no_keepalive'],
    ['its backend is no endpoint any more', chooses([B, C], 10_800), 'no_keepalive'],
  ] as const) {
    assert.equal(risk(choice, once), expected, what);
  }
  // It is not renewed by traffic: an hour later the pick is an hour older.
  const looks = [once, { at: 3600, row: row(3600), client, timeouts: hour }];
  assert.equal(risk(chooses([A, B], 3600 + 4300), ...looks), undefined);
  // First seen 3600 s ago, goes in 3600.5 s.
  assert.equal(risk(chooses([A, B], 7100), ...looks), 'no_keepalive');
  // Where the last packet is not known: from when it was first seen, rounded down to a minute.
  const shortened = { row: row(200), client, timeouts: hour };
  assert.equal(risk(chooses([A, B], 262), shortened), undefined);
  assert.equal(risk(chooses([A, B], 200), shortened), 'no_keepalive');
  const masqueraded = { row: { ...row(3000), reply: replyTuple(A, 1, [CLIENT, 1]) }, client };
  assert.equal(risk(chooses([A, B], 1_000_000), masqueraded), 'no_keepalive');
  const ipvs = { row: { ...row(3000), status: IPVS_STATUS }, client };
  assert.equal(risk(chooses([A, B], 1_000_000), ipvs), 'no_keepalive');
});

test('IPVS forgets after 900 s, whatever conntrack’s timeout', () => {
  const ipvs = (timeoutSeconds: number): RowSpec => ({ status: IPVS_STATUS, timeoutSeconds });
  assertRisks([
    ['the usual keepalive', 'slow_keepalive', { row: ipvs(86_300), client: keepalive(7100) }],
    ['in time', undefined, { row: ipvs(86_399), client: keepalive(800) }],
    ['of 900 s', 'slow_keepalive', { row: ipvs(86_399), client: keepalive(900) }],
    ['without keepalive', 'no_keepalive', { row: ipvs(86_399), client: NONE }],
    ['not IPVS', undefined, { row: { timeoutSeconds: 86_300 }, client: keepalive(7100) }],
  ]);
  const breaksIn = (row: RowSpec, times = TIMEOUTS) => {
    const { context, nowTick } = looked({ row, timeouts: times });
    return (breaksAt(context.store, 0) - nowTick) / 10;
  };
  assert.equal(breaksIn(ipvs(86_300)), 800.5, 'since the last packet, 99.5 s ago');
  assert.equal(breaksIn({ timeoutSeconds: 86_300 }), 86_300.5);
  assert.equal(breaksIn(ipvs(500), timeouts(600)), 500.5, 'where conntrack’s timeout is shorter');
  assert.equal(breaksIn(ipvs(200)), 200.5, 'the last packet is not known');
});

test('IPVS: a server’s keepalive that comes after 900 s does not keep the flow', () => {
  const row = { status: IPVS_STATUS, timeoutSeconds: 86_399 };
  assert.equal(risk(undefined, { row, client: NONE, server: keepalive(7199) }), 'no_keepalive');
});

test('a server’s keepalive that is set to longer than the timeout does not keep the flow', () => {
  const times = timeouts(3600);
  const looks = [
    { row: { timeoutSeconds: 3599 }, client: NONE, server: keepalive(7199), timeouts: times },
    // 5000 s later, a packet 1000 s ago: the entry goes in 2600 s, and the timer fires in 2199, only to set itself
    // for the 4000 that are left of two hours.
    { at: 5000, row: { timeoutSeconds: 2600 }, client: NONE, server: keepalive(2199), timeouts: times },
  ];
  assert.equal(risk(undefined, looks[0]!), 'no_keepalive');
  assert.equal(risk(undefined, ...looks), 'no_keepalive');
});

test('what is told of a flow at risk', () => {
  const { context, nowTick } = looked({ row: { zone: 3 }, client: NONE });
  assert.deepEqual(describeRisk(context, 0, 'no_keepalive', nowTick + 50), {
    connection: { ...originalTuple(), zone: 3 },
    backend: { ip: A, port: 8080 },
    reason: 'no_keepalive',
    keepalive: { state: 'none' },
    idleSeconds: 404.5,
    expiresInSeconds: 85_995.5,
    timeoutSeconds: 86_400,
    limitedBy: 'conntrack',
  });
  assert.equal(msOf(nowTick), START);
});

test('what is told of a flow at risk: what is not known, is over, or is IPVS’s', () => {
  const describe = (look: Look, laterTicks = 0) => {
    const { context, nowTick } = looked(look);
    return describeRisk(context, 0, 'unknown', nowTick + laterTicks);
  };
  const short = describe({ row: { timeoutSeconds: 200 } });
  assert.deepEqual([short.idleSeconds, short.keepalive], [undefined, { state: 'unknown' }]);
  assert.deepEqual(describe({ client: SENDING }).keepalive, { state: 'unknown' });
  assert.equal(describe({ row: { timeoutSeconds: 200 } }, 3000).expiresInSeconds, 0);
  const ipvs = describe({ row: { status: IPVS_STATUS, timeoutSeconds: 86_300 } });
  assert.deepEqual([ipvs.expiresInSeconds, ipvs.timeoutSeconds, ipvs.limitedBy], [800.5, 900, 'ipvs']);
  for (const [full, limitedBy] of [
    [900, 'conntrack'],
    [600, 'conntrack'],
    [901, 'ipvs'],
  ] as const) {
    const row = { status: IPVS_STATUS, timeoutSeconds: 500 };
    const described = describe({ row, timeouts: timeouts(full) });
    assert.deepEqual([described.timeoutSeconds, described.limitedBy], [Math.min(900, full), limitedBy]);
  }
});
