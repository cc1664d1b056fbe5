import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueList } from '../../../src/audit/due-list.ts';
import { tickOf } from '../../../src/audit/flow-columns.ts';
import type { FlowStore } from '../../../src/audit/flow-store.ts';
import { renewalWindow } from '../../../src/audit/renewal-window.ts';
import { SocketMarks } from '../../../src/audit/socket-marks.ts';
import { Audit, type FlowNames } from '../../../src/audit/summary.ts';
import type { RiskReason } from '../../../src/model/at-risk.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import { A, CLIENT, originalTuple } from '../../support/flow-events.ts';
import { originalTuple6, replyTuple6, rowOf, snapshot, socketOf, storeOf, TIMEOUTS } from './rows.ts';

const NOW = 10_000_000;
const REDIS = { namespace: 'shop', name: 'redis', servicePort: 6379, known: true };
const REDIS6 = { ...REDIS, name: 'redis6' };
const OTHER = { namespace: '', name: '10.96.0.99:80', servicePort: 80, known: false };
const CHECKOUT = { namespace: 'shop', workload: 'Deployment/checkout' };
const CART = { namespace: 'shop', workload: 'Deployment/cart' };

/** Names by address, and how often each was asked for. */
function namesOf() {
  const asked: string[] = [];
  const names: FlowNames = {
    service: (ip, port) => {
      asked.push(`service ${ip} ${port}`);
      const name = { '10.96.0.10': REDIS, '2001:db8:96::10': REDIS6 }[ip] ?? OTHER;
      const single = { endpoints: [{ ip: A, port: 8080 }], affinitySeconds: undefined };
      return { name: name, choice: ip === '10.96.0.20' ? single : undefined };
    },
    client: (ip) => {
      asked.push(`client ${ip}`);
      return ip === CLIENT || ip === '10.244.1.8' ? CHECKOUT : CART;
    },
  };
  return { asked, names };
}

/** Counts all, a few at a time. */
function audit(
  store: FlowStore,
  names: FlowNames,
  sockets: readonly (readonly [Tuple, object])[],
  onRisk?: (slot: number, reason: RiskReason) => void,
) {
  const marks = new SocketMarks(store, TIMEOUTS);
  marks.prepare(0, store.slots);
  for (const [tuple, change] of sockets) marks.mark(socketOf(tuple, change), NOW);
  const isLocalClient = (slot: number) => marks.isLocalClient(slot);
  const counting = new Audit({ store, timeouts: TIMEOUTS, isLocalClient }, names, onRisk);
  for (let from = counting.visit(0, 3); from !== -1; ) from = counting.visit(from, 3);
  return counting.summary();
}

const from = (src: string, sport: number, dst = '10.96.0.10'): Tuple => ({
  ...originalTuple(sport),
  src,
  dst,
});
/** Without protection. */
const UNPROTECTED = { protected: [], unprotected: new Map(), skipped: new Map(), due: new DueList() };
const NONE = {};
const KEEPALIVE = { timer: 2, timerHundredths: 720_000 };
const SLOW = { timer: 2, timerHundredths: 9_000_000 };

test('flows are summed by Service, client and reason', () => {
  const flows: [Tuple, object | undefined][] = [
    [from(CLIENT, 1), NONE],
    [from(CLIENT, 2), NONE],
    [from('10.244.1.8', 3), NONE],
    [from('10.244.1.9', 4), NONE],
    [from('10.244.1.9', 5), SLOW],
    [from('10.244.1.9', 6), undefined],
    [from('10.244.1.9', 7), KEEPALIVE],
    [from(CLIENT, 8, '10.96.0.99'), NONE],
    [from(CLIENT, 9, '10.96.0.20'), NONE],
    [originalTuple6(), SLOW],
  ];
  const store = storeOf();
  snapshot(
    store,
    NOW,
    flows.map(([original]) =>
      rowOf(original.src.includes(':') ? { original, reply: replyTuple6() } : { original }),
    ),
  );
  const { asked, names } = namesOf();
  const told: [number, RiskReason][] = [];
  const sockets = flows.flatMap(([original, change]) => (change ? [[original, change] as const] : []));
  const summary = audit(store, names, sockets, (slot, reason) =>
    told.push([store.tuple(slot, 0).sport, reason]),
  );
  const at = store.columns.expiresAt[0]!;
  assert.deepEqual(summary, {
    flows: 10,
    services: [
      { service: REDIS, connections: 7, nextBreakAt: at },
      { service: OTHER, connections: 1, nextBreakAt: at },
      { service: OTHER, connections: 1, nextBreakAt: undefined },
      { service: REDIS6, connections: 1, nextBreakAt: at },
    ],
    atRisk: [
      { service: REDIS, client: CHECKOUT, reason: 'no_keepalive', connections: 3 },
      { service: REDIS, client: CART, reason: 'no_keepalive', connections: 1 },
      { service: REDIS, client: CART, reason: 'slow_keepalive', connections: 1 },
      { service: REDIS, client: CART, reason: 'unknown', connections: 1 },
      { service: OTHER, client: CHECKOUT, reason: 'no_keepalive', connections: 1 },
      { service: REDIS6, client: CART, reason: 'slow_keepalive', connections: 1 },
    ],
    ...UNPROTECTED,
  });
  assert.deepEqual(
    told.map(([sport, reason]) => `${sport} ${reason}`),
    [
      ...['1 no_keepalive', '2 no_keepalive', '3 no_keepalive', '4 no_keepalive', '5 slow_keepalive'],
      ...['6 unknown', '8 no_keepalive', '40001 slow_keepalive'],
    ],
  );
  assert.equal(new Set(asked).size, asked.length, 'each is named once');
});

test('the next break is the soonest of those at risk', () => {
  const store = storeOf();
  const seconds = [5000, 600, 500, 4000];
  snapshot(
    store,
    NOW,
    seconds.map((timeoutSeconds, i) => rowOf({ original: from(CLIENT, i + 1), timeoutSeconds })),
  );
  // The one that goes first is kept alive.
  const sockets = seconds.map((_, i) =>
    i === 2
      ? ([from(CLIENT, 3), { timer: 2, timerHundredths: 40_000 }] as const)
      : ([from(CLIENT, i + 1), NONE] as const),
  );
  const summary = audit(store, namesOf().names, sockets);
  assert.deepEqual(
    summary.services.map(({ nextBreakAt }) => nextBreakAt! - store.columns.seenAt[0]!),
    [6005],
  );
});

test('flows that are gone are not counted', () => {
  const store = storeOf();
  const rows = [1, 2, 3, 4].map((sport) => rowOf({ original: from(CLIENT, sport) }));
  snapshot(store, NOW, rows);
  snapshot(store, NOW + 1000, rows.slice(2), { judge: () => 'remember' });
  store.remove(0, from(CLIENT, 3));
  const summary = audit(store, namesOf().names, []);
  assert.deepEqual(
    [summary.flows, summary.services[0]!.connections, summary.atRisk[0]!.connections],
    [1, 1, 1],
  );
});

test('an address and each of its ports is a Service of its own', () => {
  const store = storeOf();
  const tuples = [6379, 6380, 6379].map((dport, i) => ({ ...from(CLIENT, i + 1), dport }));
  snapshot(
    store,
    NOW,
    tuples.map((original) => rowOf({ original })),
  );
  const { asked, names } = namesOf();
  const { services } = audit(store, names, []);
  assert.deepEqual(
    services.map(({ connections }) => connections),
    [2, 1],
  );
  const ofServices = asked.filter((what) => what.startsWith('service'));
  assert.deepEqual(ofServices, ['service 10.96.0.10 6379', 'service 10.96.0.10 6380']);
});

test('nothing', () => {
  assert.deepEqual(audit(storeOf(), namesOf().names, []), {
    flows: 0,
    services: [],
    atRisk: [],
    ...UNPROTECTED,
  });
});

test('more clients than are remembered by address are still summed by their name', () => {
  const CLIENTS = 10_000;
  const store = storeOf({ capacity: 2 * CLIENTS });
  const row = rowOf();
  store.begin(NOW, TIMEOUTS, false);
  for (let i = 0; i < 2 * CLIENTS; i++) {
    row.words[0] = 0x0b00_0000 + (i % CLIENTS);
    store.put({ ...row, sport: 1000 + Math.floor(i / CLIENTS) });
  }
  const names: FlowNames = {
    service: () => ({ name: REDIS, choice: undefined }),
    client: (ip) => (Number(ip.split('.')[3]) % 2 === 0 ? CHECKOUT : { ...CART }),
  };
  const summary = audit(store, names, []);
  assert.deepEqual(
    summary.atRisk.map(({ client, connections }) => [client.workload, connections]),
    [
      ['Deployment/checkout', CLIENTS],
      ['Deployment/cart', CLIENTS],
    ],
  );
});

test('with protection: what is protected, what is not and why; IPVS counts as due long before its entry expires', () => {
  const IPVS_STATUS = 0x18e;
  const store = storeOf();
  const rows = [1, 2, 3].map((port) => rowOf({ original: from(CLIENT, port) }));
  // Idle for 500 of the 900 s after which IPVS forgets it; its entry has 85,900 s left.
  const ipvs = rowOf({ original: from(CLIENT, 4), status: IPVS_STATUS, timeoutSeconds: 85_900 });
  snapshot(store, NOW, [...rows, ipvs]);
  const { names } = namesOf();
  const marks = new SocketMarks(store, TIMEOUTS);
  marks.prepare(0, store.slots);
  for (const port of [1, 2, 4]) marks.mark(socketOf(from(CLIENT, port), NONE), NOW);
  const known: FlowNames = {
    ...names,
    service: (ip, port) => ({ ...names.service(ip, port), isEndpoint: (backend) => backend === A }),
  };
  const rule = {
    nowTick: tickOf(NOW),
    maxIdleTicks: 7 * 864_000,
    window: renewalWindow(TIMEOUTS.established, 60_000),
  };
  const context = { store, timeouts: TIMEOUTS, isLocalClient: () => false, protection: rule };
  const look = () => {
    const counting = new Audit(context, known);
    counting.visit(0, store.slots);
    return counting.summary();
  };
  const first = look();
  assert.deepEqual(first.protected, [{ service: REDIS, client: CHECKOUT, connections: 2 }]);
  assert.deepEqual(Object.fromEntries(first.unprotected), { client_unseen: 1, ipvs: 1 });
  assert.deepEqual([Object.fromEntries(first.skipped), first.due.size], [{ ipvs: 1 }, 0]);
  const counted = first.atRisk.map(({ reason, connections }) => [reason, connections]);
  assert.deepEqual(Object.fromEntries(counted), { protected: 2, unknown: 1, no_keepalive: 1 });
  const again = look();
  assert.deepEqual([again.unprotected, again.skipped.size], [first.unprotected, 0], 'counted once');
});
