import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewBatch } from '../../../src/commands/protect/renew-batch.ts';
import { KernelError } from '../../../src/kernel/errors.ts';
import { A, B, CLIENT, originalTuple, replyTuple, SERVICE } from '../../support/flow-events.ts';
import { originalTuple6, replyTuple6, rowOf, STATUS, snapshot, storeOf, TIMEOUTS } from '../audit/rows.ts';
import { type FakeEntry, fakeRenewals } from './fake-renewals.ts';

const START = 1e9;
const ETIME = 62;
const EPERM = 1;
const TIMEOUT = TIMEOUTS.established;
const LEFT = 20_000;

/** An entry as the kernel has it, five seconds after the snapshot; unchanged unless something else is said. */
const entry = (port: number, change: Partial<FakeEntry> = {}): FakeEntry => ({
  original: [CLIENT, port, SERVICE, 6379],
  reply: [A, 8080, CLIENT, port],
  ...{ status: STATUS, state: 3, timeout: LEFT - 5, id: 1, ...change },
});
const nowMs = () => START + 5000;

/** A store with a flow for each port, and what is told of them. */
function batchOf(ports: readonly number[]) {
  const store = storeOf();
  const rows = ports.map((port) =>
    rowOf({ original: originalTuple(port), reply: replyTuple(A, port), timeoutSeconds: LEFT }),
  );
  snapshot(store, START, rows);
  const kernel = fakeRenewals();
  const slots = ports.map((port) => store.findByOriginal(0, originalTuple(port))!);
  const run = () => renewBatch(store, kernel, slots, TIMEOUTS, nowMs);
  const leftOf = (port: number) => {
    const slot = store.findByOriginal(0, originalTuple(port))!;
    return (store.columns.expiresAt[slot]! - store.columns.seenAt[slot]!) / 10;
  };
  return { store, kernel, run, leftOf };
}

test('asked for together, then renewed together: what is still as it was', () => {
  const ports = Array.from({ length: 64 }, (_, i) => 30_000 + i);
  const { kernel, run, leftOf } = batchOf(ports);
  for (const port of ports) kernel.entries.set(port, entry(port));
  assert.deepEqual(new Set(run().map(({ result }) => result)), new Set(['renewed']));
  // And asked for once more, in case one was closed in that moment.
  assert.deepEqual([kernel.asked, kernel.renewed], [[ports, ports], [{ ports, timeoutSeconds: TIMEOUT }]]);
  assert.ok(ports.every((port) => leftOf(port) === TIMEOUT + 4.5));
});

test('each way it can end, all in one batch; only what was renewed has more time', () => {
  const refuse = (errno: number) => (kernel: ReturnType<typeof fakeRenewals>, port: number) => {
    kernel.entries.set(port, entry(port));
    kernel.refused.set(port, errno);
  };
  const cases: readonly (readonly [
    string,
    (kernel: ReturnType<typeof fakeRenewals>, port: number) => void,
  ])[] = [
    ['renewed', (k, port) => k.entries.set(port, entry(port))],
    ['renewed', (k, port) => k.entries.set(port, entry(port, { zone: 0 }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { timeout: TIMEOUT - 1 }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { state: 5, timeout: 60 }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { state: 8, timeout: 10 }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { status: 0x1a8, timeout: 300 }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { reply: [B, 8080, CLIENT, port] }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { reply: [A, 8080, '10.0.0.9', 14_992] }))],
    ['changed', (k, port) => k.entries.set(port, entry(port, { zone: 9 }))],
    ['gone', (k, port) => k.entries.delete(port)],
    ['gone', (k, port) => k.entries.set(port, { errno: ETIME })],
    ['gone', refuse(2)],
    ['gone', refuse(ETIME)],
    ['failed', (k, port) => k.entries.set(port, { errno: EPERM })],
    ['failed', refuse(EPERM)],
    ['failed', refuse(0)],
    ['failed', (k, port) => k.entries.set(port, 'silent')],
    ['failed', (k, port) => k.entries.set(port, 'short')],
    ['failed', (k, port) => k.entries.set(port, entry(port, { protocol: 17 }))],
  ];
  const ports = cases.map((_, i) => 40_000 + i);
  const { kernel, run, leftOf } = batchOf(ports);
  for (const [i, [, prepare]] of cases.entries()) prepare(kernel, ports[i]!);
  const results = run();
  assert.deepEqual(
    results.map(({ result }) => result),
    cases.map(([expected]) => expected),
  );
  for (const [i, { result, problem }] of results.entries()) {
    assert.equal(problem !== undefined, result === 'failed', 'a failure, and nothing else, has a reason');
    // Or it was used since, which is known then too.
    const isUsed = i === 2;
    assert.equal(leftOf(ports[i]!) > LEFT + 1, result === 'renewed' || isUsed, `left of ${i}`);
  }
  const problems = results.flatMap(({ problem }) => problem ?? []);
  assert.deepEqual(new Set(problems), new Set(['errno 1', 'the kernel did not answer']));
  // What was not the entry of the snapshot is in no update.
  const asked = cases.flatMap(([expected], i) => (expected === 'changed' ? [ports[i]] : []));
  assert.equal(kernel.renewed.length, 1);
  assert.ok(kernel.renewed[0]!.ports.every((port) => !asked.includes(port)));
});

test('what an event told the end of is not asked for, and with nothing to ask nothing is sent', () => {
  const { store, kernel, run } = batchOf([1, 2, 3]);
  for (const port of [1, 2, 3]) kernel.entries.set(port, entry(port));
  store.remove(0, originalTuple(2));
  assert.deepEqual(
    run().map(({ result }) => result),
    ['renewed', 'gone', 'renewed'],
  );
  assert.deepEqual(kernel.asked, [
    [1, 3],
    [1, 3],
  ]);
  store.remove(0, originalTuple(1));
  store.remove(0, originalTuple(3));
  assert.deepEqual(
    run().map(({ result }) => result),
    ['gone', 'gone', 'gone'],
  );
  assert.equal(kernel.asked.length, 2);
  assert.equal(kernel.renewed.length, 1);
});

test('with nothing to renew no update is sent', () => {
  const { kernel, run } = batchOf([1, 2]);
  kernel.entries.set(1, entry(1, { timeout: TIMEOUT }));
  assert.deepEqual(
    run().map(({ result }) => result),
    ['changed', 'gone'],
  );
  assert.deepEqual(kernel.renewed, []);
});

test('answers in another order, and answers to nothing, are told apart', () => {
  const { kernel, run } = batchOf([1, 2, 3]);
  for (const port of [1, 3]) kernel.entries.set(port, entry(port));
  const { ask } = kernel;
  kernel.ask = (questions, onAnswer) => {
    const answers: Buffer[] = [];
    ask(questions, (bytes) => answers.unshift(Buffer.from(bytes)));
    for (const bytes of answers) onAnswer(bytes);
    // Left over from another time, or from nobody.
    const stray = Buffer.from(answers[0]!);
    for (const sequence of [0, 4, 65, 0x1_0000, 0xffff_ffff]) {
      stray.writeUInt32LE(sequence, 8);
      onAnswer(stray);
    }
    onAnswer(Buffer.alloc(3));
  };
  assert.deepEqual(
    run().map(({ result }) => result),
    ['renewed', 'gone', 'renewed'],
  );
  assert.deepEqual(
    kernel.renewed.map(({ ports }) => ports.toSorted()),
    [[1, 3]],
  );
});

test('a socket that fails: all failed, with the reason, and nobody has more time', () => {
  for (const which of ['ask', 'renew'] as const) {
    const { kernel, run, leftOf } = batchOf([1, 2]);
    for (const port of [1, 2]) kernel.entries.set(port, entry(port));
    kernel[which] = () => {
      throw new KernelError('socket', 'asking for conntrack entries: errno 105');
    };
    assert.deepEqual(
      run(),
      Array(2).fill({ result: 'failed', problem: 'asking for conntrack entries: errno 105' }),
    );
    assert.ok(leftOf(1) < LEFT + 1 && leftOf(2) < LEFT + 1);
  }
  const { kernel, run } = batchOf([1]);
  kernel.ask = () => {
    throw new RangeError('a fault of our own');
  };
  assert.throws(run, /a fault of our own/);
});

test('closed between the answer and the update: it gets the time of its state, not that of an open one', () => {
  const closing: readonly (readonly [number, number, number | undefined])[] = [
    // State, time it has after the update, and what it is given then.
    [3, TIMEOUT, undefined],
    [4, TIMEOUT, TIMEOUTS.finWait],
    [5, TIMEOUT, TIMEOUTS.closeWait],
    [6, TIMEOUT, TIMEOUTS.lastAck],
    [7, TIMEOUT, TIMEOUTS.timeWait],
    [8, TIMEOUT - 1, TIMEOUTS.close],
    [1, TIMEOUT, TIMEOUTS.timeWait],
    // Closed after the update: the kernel set it.
    [4, TIMEOUTS.finWait, undefined],
    [8, 10, undefined],
  ];
  const ports = closing.map((_, i) => 50_000 + i);
  const { kernel, run, leftOf } = batchOf(ports);
  for (const port of ports) kernel.entries.set(port, entry(port));
  const { renew } = kernel;
  kernel.renew = (...args) => {
    renew(...args);
    if (kernel.renewed.length > 1) return;
    for (const [i, port] of ports.entries()) {
      kernel.entries.set(port, entry(port, { state: closing[i]![0], timeout: closing[i]![1] }));
    }
  };
  const results = run().map(({ result }) => result);
  const [all, ...corrections] = kernel.renewed;
  assert.deepEqual(all, { ports, timeoutSeconds: TIMEOUT });
  assert.deepEqual(
    corrections,
    closing.flatMap(([, , seconds], i) => (seconds ? [{ ports: [ports[i]], timeoutSeconds: seconds }] : [])),
  );
  assert.deepEqual(
    results,
    closing.map(([, , seconds]) => (seconds === undefined ? 'renewed' : 'changed')),
  );
  for (const [i, port] of ports.entries()) assert.equal(leftOf(port) > LEFT + 1, results[i] === 'renewed');
});

test('gone between the update and the second look, or not answered then: it was renewed', () => {
  for (const then of [{ errno: 2 }, 'silent'] as const) {
    const { kernel, run } = batchOf([1]);
    kernel.entries.set(1, entry(1));
    const { renew } = kernel;
    kernel.renew = (...args) => {
      renew(...args);
      kernel.entries.set(1, then);
    };
    assert.deepEqual(run(), [{ result: 'renewed', problem: undefined }]);
    assert.equal(kernel.renewed.length, 1);
  }
});

test('IPv6, and a zone', () => {
  const store = storeOf();
  const [original, reply] = [originalTuple6(), replyTuple6()];
  snapshot(store, START, [rowOf({ original, reply, zone: 9, timeoutSeconds: LEFT })]);
  const kernel = fakeRenewals();
  kernel.entries.set(original.sport, {
    original: [original.src, original.sport, original.dst, original.dport],
    reply: [reply.src, reply.sport, reply.dst, reply.dport],
    ...{ status: STATUS, state: 3, timeout: LEFT - 5, zone: 9 },
  });
  const families: number[] = [];
  const { renew } = kernel;
  kernel.renew = (entries, ...rest) => {
    families.push(...entries.map(({ family }) => family));
    renew(entries, ...rest);
  };
  assert.deepEqual(renewBatch(store, kernel, [0], TIMEOUTS, nowMs), [
    { result: 'renewed', problem: undefined },
  ]);
  assert.deepEqual(families, [10]);
});

test('what was used is told to the store, so that it is renewed in the next round, also if snapshots take it for unused', () => {
  const port = 45_000;
  const { store, kernel, run, leftOf } = batchOf([port]);
  // A packet two seconds after the one before.
  kernel.entries.set(port, entry(port, { timeout: LEFT - 3 }));
  assert.deepEqual(run(), [{ result: 'changed', problem: undefined }]);
  assert.deepEqual([kernel.renewed, leftOf(port)], [[], LEFT - 3 + 0.5]);
  assert.deepEqual(run(), [{ result: 'renewed', problem: undefined }]);
  assert.equal(store.size, 1);
});
