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
  problems.failed('list', 'still no', 403);
  problems.failed('watch', 'still no', 403);
  const what = 'endpointslices.discovery.k8s.io';
  assert.deepEqual(told, [`list ${what}: no`, `list ${what}: still no`, `watch ${what}: still no`]);
});

test('one that comes and goes is told every ten minutes', () => {
  const { problems, told, passMs } = startProblems();
  for (let i = 0; i < 21; i++) {
    problems.failed('watch', 'gone', undefined);
    assert.equal(problems.worked(), true);
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
