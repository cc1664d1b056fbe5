import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asApiError, errorOfAnswer, errorOfEvent, isExpired } from '../../../src/enrich/api-error.ts';
import { ClusterTopology } from '../../../src/enrich/cluster-topology.ts';
import { backoffMs, DEFAULT_TIMING } from '../../../src/enrich/follow-timing.ts';
import { type ClusterProblem, Problems } from '../../../src/enrich/problems.ts';
import { resourcesOf } from '../../../src/enrich/resources.ts';

function startProblems() {
  let nowMs = 0;
  const told: string[] = [];
  const [, slices] = resourcesOf(new ClusterTopology('node-a', () => 0), 'node-a', () => {});
  const tell = ({ what, reason }: ClusterProblem) => told.push(`${what}: ${reason}`);
  const problems = new Problems(slices!, () => nowMs, tell);
  const passMs = (ms: number) => {
    nowMs += ms;
  };
  return { problems, told, passMs };
}

test('a problem is told when it begins and when it changes, not while it lasts', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 100; i++) {
    problems.failed('list', 'no', 403);
    passMs(60_000);
  }
  problems.failed('list', 'no', 401);
  problems.failed('watch', 'still no', 401);
  const what = 'endpointslices.discovery.k8s.io';
  assert.deepEqual(told, [`list ${what}: no`, `list ${what}: no`, `watch ${what}: still no`]);
});

test('a refusal whose text is another each time is one problem, also beside another', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 96; i++) {
    problems.failed('watch', `503 <html>request id ${i}`, 503);
    passMs(1000);
  }
  assert.equal(told.length, 1);
  for (let i = 0; i < 96; i++)
    problems.failed('watch', `${502 + (i % 2)} <html>request id ${i}`, 502 + (i % 2));
  assert.equal(told.length, 2);
});

test('without a status the reason counts; of many only the first ten are told in ten minutes', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 96; i++) problems.failed('list', `nonsense ${i}`, undefined);
  assert.deepEqual([told.length, told.at(-1)], [10, 'list endpointslices.discovery.k8s.io: nonsense 9']);
  passMs(600_000);
  problems.failed('list', 'nonsense 95', undefined);
  assert.equal(told.length, 11);
});

test('one that comes back soon and then lasts is told after ten minutes', () => {
  const { problems, told, passMs } = startProblems();
  problems.failed('watch', 'gone', undefined);
  problems.worked();
  for (let i = 0; i < 30; i++) {
    problems.failed('watch', 'gone', undefined);
    passMs(60_000);
  }
  assert.equal(told.length, 2);
});

test('one that comes and goes is told every ten minutes, and so is that it ended', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 21; i++) {
    problems.failed('watch', 'gone', undefined);
    assert.equal(problems.worked(), i % 10 === 0);
    assert.equal(problems.worked(), false);
    passMs(60_000);
  }
  assert.equal(told.length, 3);
});

test('of objects that make no sense one is told in ten minutes, beside other problems', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 11; i++) {
    problems.malformed(`object ${i}`);
    problems.failed('list', 'no', 500);
    passMs(60_000);
  }
  const what = 'endpointslices.discovery.k8s.io';
  assert.deepEqual(told, [`read ${what}: object 0`, `list ${what}: no`, `read ${what}: object 10`]);
});

test('waits double from one second to thirty, spread by a fifth', () => {
  const waits = (random: number) =>
    [0, 1, 2, 3, 5, 6, 60].map((n) => backoffMs(DEFAULT_TIMING, n, () => random));
  assert.deepEqual(waits(0.5), [1000, 1000, 2000, 4000, 16_000, 30_000, 30_000]);
  assert.deepEqual(waits(0), [800, 800, 1600, 3200, 12_800, 24_000, 24_000]);
  assert.equal(waits(0.999_999)[6]! < 36_000, true);
});

test('an error says the innermost cause on one line', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:6443'), { code: 'ECONNREFUSED' });
  const rows = [
    [new TypeError('fetch failed', { cause: refused }), 'connect ECONNREFUSED ::1:6443'],
    [new AggregateError([new Error('x'), refused], ''), 'connect ECONNREFUSED ::1:6443'],
    [Object.assign(new Error('other side\nclosed'), { code: 'UND_ERR' }), 'other side closed (UND_ERR)'],
    ['text', 'text'],
    [undefined, 'undefined'],
  ] as const;
  for (const [error, message] of rows) assert.equal(asApiError(error).message, message);
  assert.equal(errorOfAnswer(503, 'x'.repeat(5000), undefined).message.length < 400, true);
  assert.equal(isExpired(errorOfEvent({ code: 410, reason: 'Expired' })), true);
  assert.equal(isExpired(errorOfEvent({ code: 500 })), false);
});

test('an ERROR event may hold anything', () => {
  for (const object of [undefined, null, 7, 'x', [], { code: 'x', message: 7 }]) {
    assert.equal(errorOfEvent(object).message, 'the watch ended with an error');
  }
});
