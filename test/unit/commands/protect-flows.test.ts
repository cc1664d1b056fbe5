/** A round of renewals: its ceilings, what is counted, what is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueList } from '../../../src/audit/due-list.ts';
import type { AuditSummary, ServiceName } from '../../../src/audit/summary.ts';
import { type ProtectOptions, protectFlows } from '../../../src/commands/protect/protect-flows.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { KernelError } from '../../../src/kernel/errors.ts';
import type { SkipReason } from '../../../src/model/protection.ts';
import type { Log } from '../../../src/report/log.ts';
import { A, CLIENT, originalTuple, replyTuple, SERVICE } from '../../support/flow-events.ts';
import { rowOf, STATUS, snapshot, storeOf, TIMEOUTS } from '../audit/rows.ts';
import { type FakeRenewals, fakeRenewals } from './fake-renewals.ts';

const LEFT = 20_000;
const REDIS: ServiceName = { namespace: 'shop', name: 'redis', servicePort: 6379, known: true };
const KAFKA: ServiceName = { ...REDIS, name: 'kafka' };
const NEVER = new AbortController().signal;

const LIMITS = { aRound: 20_000, aSecond: 1_000_000, leastShare: 1 / 20, mostShare: 1 / 5, few: 1_000 };
/** So long a round that none of them is sure to be there after the next. */
const ENDLESS_ROUND_MS = LEFT * 1000;

interface Setup {
  readonly count: number;
  readonly limits?: Partial<typeof LIMITS>;
  readonly kernel?: FakeRenewals;
}

/** So many flows, all due, the later ones sooner; every second one is of Kafka. */
function setUp({ count, limits, kernel = fakeRenewals() }: Setup) {
  const clock = systemClock();
  const store = storeOf({ capacity: count + 16 }, clock.monotonicMs());
  const ports = Array.from({ length: count }, (_, i) => 20_000 + i);
  const original = (port: number) => originalTuple(port);
  snapshot(
    store,
    clock.monotonicMs(),
    ports.map((port) =>
      rowOf({ original: original(port), reply: replyTuple(A, port), timeoutSeconds: LEFT }),
    ),
  );
  for (const port of ports) {
    kernel.entries.set(port, {
      ...{ original: [CLIENT, port, SERVICE, 6379], reply: [A, 8080, CLIENT, port] },
      ...{ status: STATUS, state: 3, timeout: LEFT - 1 },
    });
  }
  const lines: { readonly level: string; readonly event: string; readonly msg: string }[] = [];
  const write = (level: string) => (event: string, msg: string) => void lines.push({ level, event, msg });
  const log = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, write(level)]));
  const renewals = new Map<string, Record<string, number>>();
  const skipped = new Map<SkipReason, number>();
  let declared = 0;
  const metrics: ProtectOptions['metrics'] = {
    declareRenewals: () => declared++,
    countRenewals: ({ name }, results) => {
      const counts = renewals.get(name) ?? {};
      for (const [result, n] of Object.entries(results)) counts[result] = (counts[result] ?? 0) + n;
      renewals.set(name, counts);
    },
    countSkipped: (reason, n) => void skipped.set(reason, (skipped.get(reason) ?? 0) + n),
  };
  const options = { store, clock, maxIdleMs: 7 * 86_400_000, log: log as unknown as Log, metrics };
  const protection = protectFlows(options, () => kernel, { ...LIMITS, ...limits });
  const audit = (change: Partial<AuditSummary> = {}): AuditSummary => {
    const due = new DueList<ServiceName>();
    for (const [slot] of ports.entries()) due.add(slot, (LEFT - slot) * 10, slot % 2 ? KAFKA : REDIS);
    return {
      flows: count,
      services: [],
      atRisk: [],
      protected: [],
      unprotected: new Map(),
      skipped: new Map(),
      due,
      ...change,
    };
  };
  return { kernel, protection, audit, lines, renewals, skipped, isDeclared: () => declared === 1, ports };
}

const events = (lines: readonly { readonly event: string }[]) => lines.map(({ event }) => event);

test('a round takes no more than its ceiling, those that expire first, and counts the rest', async () => {
  const { kernel, protection, audit, lines, renewals, skipped, isDeclared, ports } = setUp({
    ...{ count: 150, limits: { aRound: 100 } },
  });
  protection.rule(TIMEOUTS, ENDLESS_ROUND_MS);
  assert.ok(isDeclared());
  assert.equal(await protection.renew(audit(), TIMEOUTS, NEVER), true, 'the next round is to come at once');
  assert.deepEqual(
    kernel.renewed.map((each) => each.ports.length),
    [64, 36],
  );
  assert.deepEqual(new Set(kernel.asked.flat()), new Set(ports.slice(50)));
  assert.deepEqual(
    kernel.renewed.flatMap((each) => each.ports),
    ports.slice(50),
  );
  assert.ok(kernel.renewed.every(({ timeoutSeconds }) => timeoutSeconds === TIMEOUTS.established));
  assert.deepEqual(Object.fromEntries(renewals), {
    redis: { renewed: 50, changed: 0, gone: 0, failed: 0 },
    kafka: { renewed: 50, changed: 0, gone: 0, failed: 0 },
  });
  assert.equal(skipped.get('limit'), 50);
  await protection.renew(audit(), TIMEOUTS, NEVER);
  assert.equal(skipped.get('limit'), 100, 'in each round');
  assert.deepEqual(events(lines), ['protection_on', 'protection_limited'], 'said once');
});

test('when many are due, those that can wait do: a fifth of all connections a round', async () => {
  const { kernel, protection, audit, lines, skipped, ports } = setUp({ count: 400, limits: { few: 80 } });
  const done = () => kernel.renewed.flatMap(({ ports: renewed }) => renewed);
  assert.equal(await protection.renew(audit(), TIMEOUTS, NEVER), false, 'and the next round may wait');
  assert.deepEqual(done(), ports.slice(320), 'those that expire first');
  // With a timeout of a day there is all the time in the world.
  const long = setUp({ count: 400, limits: { few: 10 } });
  long.protection.rule(TIMEOUTS, 60_000);
  await long.protection.renew(long.audit(), TIMEOUTS, NEVER);
  assert.equal(long.kernel.renewed.flatMap((each) => each.ports).length, 20);
  // In a smaller cluster it is not worth it.
  await protection.renew(audit({ flows: 100 }), TIMEOUTS, NEVER);
  assert.equal(done().length, 80 + 80);
  // None can wait.
  protection.rule(TIMEOUTS, ENDLESS_ROUND_MS);
  await protection.renew(audit(), TIMEOUTS, NEVER);
  assert.equal(done().length, 80 + 80 + 400);
  assert.equal(skipped.get('limit'), 0, 'waiting is no fault');
  assert.deepEqual(events(lines), ['protection_on']);
});

test('nor more in a second than its other ceiling', async () => {
  const aSecond = 2000;
  const { kernel, protection, audit } = setUp({ count: 400, limits: { aSecond } });
  const clock = systemClock();
  const { renew } = kernel;
  let before = 0;
  const tooFast: string[] = [];
  const begunAtMs = clock.monotonicMs();
  kernel.renew = (...args) => {
    const ms = clock.monotonicMs() - begunAtMs;
    // A batch at once, and a timer that rounds down.
    if (before > ((ms + 2) * aSecond) / 1000) tooFast.push(`${before} in ${ms} ms`);
    renew(...args);
    before += kernel.renewed.at(-1)!.ports.length;
  };
  await protection.renew(audit(), TIMEOUTS, NEVER);
  assert.equal(before, 400);
  assert.deepEqual(tooFast, []);
});

test('whoever stops it waits for one batch at most, and after that nothing is sent', async () => {
  const { kernel, protection, audit } = setUp({ count: 400 });
  const stopping = new AbortController();
  const { renew } = kernel;
  kernel.renew = (...args) => {
    renew(...args);
    if (kernel.renewed.length === 2) stopping.abort();
  };
  await protection.renew(audit(), TIMEOUTS, stopping.signal);
  assert.deepEqual([kernel.asked.length, kernel.renewed.length], [4, 2]);
  // A round that was under way when it was stopped: the socket may be closed, and its number another's.
  await protection.renew(audit(), TIMEOUTS, stopping.signal);
  assert.deepEqual([kernel.asked.length, kernel.renewed.length], [4, 2]);
  protection.close();
  assert.ok(kernel.isClosed);
});

test('failures are counted, said when they begin, and when they are over', async () => {
  const { kernel, protection, audit, lines, renewals } = setUp({ count: 3 });
  const { ask } = kernel;
  kernel.ask = () => {
    throw new KernelError('socket', 'asking for conntrack entries: errno 105');
  };
  await protection.renew(audit(), TIMEOUTS, NEVER);
  await protection.renew(audit(), TIMEOUTS, NEVER);
  kernel.ask = ask;
  await protection.renew(audit(), TIMEOUTS, NEVER);
  await protection.renew(audit(), TIMEOUTS, NEVER);
  assert.deepEqual(renewals.get('redis'), { renewed: 4, changed: 0, gone: 0, failed: 4 });
  const [, failed, over, ...more] = lines;
  assert.deepEqual(
    [failed!.level, failed!.event, over!.level, over!.event],
    ['error', 'renewals_failed', 'info', 'renewals_failed'],
  );
  assert.match(
    failed!.msg,
    /^3 conntrack entries could not be renewed \(asking for conntrack entries: errno 105\)/,
  );
  assert.deepEqual(more, []);
});

test('what is left to expire is counted, and what can never be protected is said once', async () => {
  const { protection, audit, lines, skipped } = setUp({ count: 0 });
  const left = new Map<SkipReason, number>([
    ['ipvs', 3],
    ['client_unseen', 2],
    ['client_gone', 7],
    ['max_idle', 1],
  ]);
  for (let round = 0; round < 3; round++) {
    const skipped = round < 2 ? left : new Map();
    await protection.renew(audit({ skipped, unprotected: left }), TIMEOUTS, NEVER);
  }
  assert.deepEqual(Object.fromEntries(skipped), {
    ipvs: 6,
    client_unseen: 4,
    client_gone: 14,
    max_idle: 2,
    limit: 0,
  });
  assert.deepEqual(events(lines), ['protection_on', 'protection_impossible', 'protection_impossible']);
  assert.match(lines[1]!.msg, /^3 connections go through IPVS/);
  assert.match(
    lines[2]!.msg,
    /^None of the connections of pods can be protected: the sockets of 2 are not to be seen/,
  );
});

test('clients that cannot be seen for a round are no news; where others are protected it is another sentence', async () => {
  const { protection, audit, lines } = setUp({ count: 0 });
  const unprotected = new Map<SkipReason, number>([['client_unseen', 2]]);
  const checkout = { namespace: 'shop', workload: 'Deployment/checkout' };
  const row = { service: REDIS, client: checkout, connections: 3 };
  for (const each of [unprotected, new Map(), unprotected, unprotected]) {
    await protection.renew(audit({ protected: [row], unprotected: each }), TIMEOUTS, NEVER);
  }
  assert.deepEqual(events(lines).slice(2), ['protection_impossible']);
  assert.match(lines[2]!.msg, /^2 connections are not protected, as the sockets of their clients/);
});

test('for each workload and Service it is said once when protection begins', async () => {
  const { protection, audit, lines, renewals } = setUp({ count: 0 });
  const checkout = { namespace: 'shop', workload: 'Deployment/checkout' };
  const unknown = { namespace: undefined, workload: undefined };
  const rows = [
    { service: REDIS, client: checkout, connections: 3 },
    { service: KAFKA, client: checkout, connections: 1 },
  ];
  await protection.renew(audit({ protected: rows }), TIMEOUTS, NEVER);
  await protection.renew(
    audit({ protected: [...rows, { service: REDIS, client: unknown, connections: 2 }] }),
    TIMEOUTS,
    NEVER,
  );
  assert.deepEqual(
    lines.slice(1).map(({ msg }) => msg),
    [
      'Connections of shop/Deployment/checkout to shop/redis:6379 are protected from now on: 3 now',
      'Connections of shop/Deployment/checkout to shop/kafka:6379 are protected from now on: 1 now',
      'Connections of clients of no known workload to shop/redis:6379 are protected from now on: 2 now',
    ],
  );
  assert.deepEqual(
    [...renewals.keys()],
    ['redis', 'kafka'],
    'their series begin at 0 before anything is renewed',
  );
});

test('a timeout that is shorter than three rounds is said: an entry may slip through', async () => {
  const { protection, audit, lines } = setUp({ count: 0 });
  const timeouts = { ...TIMEOUTS, established: 2 };
  protection.rule(timeouts, 500);
  await protection.renew(audit(), timeouts, NEVER);
  await protection.renew(audit(), timeouts, NEVER);
  assert.deepEqual(events(lines), ['protection_on', 'protection_unsure']);
  assert.match(lines[1]!.msg, /^nf_conntrack_tcp_timeout_established is 2 s/);
  // Rounds vary: one that is just short enough is not the end of it, and the next not another beginning.
  for (const roundMs of [300, 500, 300, 500]) {
    protection.rule(timeouts, roundMs);
    await protection.renew(audit(), timeouts, NEVER);
  }
  assert.equal(lines.length, 2);
  const { window, maxIdleTicks } = protection.rule(TIMEOUTS, 60_000);
  assert.deepEqual([window.earliestSeconds, maxIdleTicks], [TIMEOUTS.established / 2, 7 * 864_000]);
});
