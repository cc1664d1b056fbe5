/** What becomes of Events when the API server says no, or nothing. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiRequest, ApiResult } from '../../../src/model/api-request.ts';
import { answer, breakOf, createEvents, type EventsUnderTest } from './events-harness.ts';

const DENIED = answer(
  403,
  'events.events.k8s.io is forbidden: User "x" cannot create resource "events" in API group "events.k8s.io" in the namespace "shop"',
);
const TERMINATING = answer(
  403,
  'events.events.k8s.io "a.1" is forbidden: unable to create new content in namespace shop because it is being terminated',
);

/** The first requests are answered so, the others by the store. */
function answerFirst(events: EventsUnderTest, ...first: readonly ApiResult[]): void {
  const left = [...first];
  events.respond = async (request) => left.shift() ?? events.toStore(request);
}

const linesOf = (events: EventsUnderTest) =>
  events.lines.map(({ event, verb, status }) => [event, verb, status]);

describe('no answer', () => {
  test('within 10 s ends a try; if the Event was taken all the same, the next one finds that out', async () => {
    const events = createEvents();
    events.respond = (request) => {
      void events.toStore(request);
      return new Promise(() => {});
    };
    events.add(breakOf('a'));
    await events.passMs(0);
    events.add(breakOf('a'));
    await events.passMs(9999);
    assert.equal(events.sent[0]!.signal.aborted, false);
    events.respond = events.toStore;
    await events.passMs(1);
    assert.equal(events.sent[0]!.signal.aborted, true);
    await events.passMs(60_000);
    assert.deepEqual(events.log(), [
      ['POST', 0],
      ['POST', 11],
      ['PATCH', 21],
    ]);
    assert.deepEqual(events.told(), { a: 2 });
    assert.deepEqual(events.counts(), { created: 1, updated: 1, failed: 1, held_back: 0 });
    assert.match(events.lines[0]!.msg, /^Cannot create events\.events\.k8s\.io: no answer for 10 s\. It is/);
  });

  test('from a server that is away: tried again after 1, 2, 4 ... 30 s, said once, told when it is back', async () => {
    const events = createEvents();
    const refused = () => Promise.reject(new Error('connect ECONNREFUSED 10.96.0.1:443'));
    events.respond = refused;
    events.add(breakOf('a'));
    await events.passMs(120_000);
    assert.deepEqual(
      events.log().map(([, seconds]) => seconds),
      [0, 1, 3, 7, 15, 31, 61, 91],
    );
    events.add(breakOf('a'));
    events.respond = events.toStore;
    await events.passMs(30_000);
    assert.deepEqual(events.told(), { a: 2 });
    assert.deepEqual(linesOf(events), [
      ['kubernetes_events_problem', 'create', undefined],
      ['kubernetes_events_recovered', undefined, undefined],
    ]);
    assert.match(events.lines[0]!.msg, /: connect ECONNREFUSED 10\.96\.0\.1:443\./);
    // The next trouble begins with short waits again, and is not news so soon.
    events.respond = refused;
    events.add(breakOf('b'));
    await events.passMs(3000);
    assert.deepEqual(
      events
        .log()
        .slice(-3)
        .map(([, seconds]) => seconds - 121),
      [29, 30, 32],
    );
    assert.equal(events.lines.length, 2);
  });

  test('for ten minutes: given up, and counted as held back', async () => {
    const events = createEvents();
    events.respond = () => {
      throw new Error('not even a promise');
    };
    events.add(breakOf('a'));
    events.add(breakOf('a'));
    await events.passMs(660_000);
    assert.equal(events.timers(), 0);
    const { failed, ...others } = events.counts();
    assert.deepEqual(others, { created: 0, updated: 0, held_back: 2 });
    assert.equal(failed, events.sent.length);
    events.respond = events.toStore;
    events.add(breakOf('a'));
    await events.passMs(60_000);
    assert.deepEqual(events.told(), { a: 1 });
  });
});

describe('a server in trouble', () => {
  for (const status of [401, 408, 429, 500, 503]) {
    test(`that says ${status} is asked again, when it wants to be`, async () => {
      const events = createEvents();
      answerFirst(events, answer(status, 'not now', 45_000), answer(status, 'not now'));
      events.add(breakOf('a'));
      events.add(breakOf('b'));
      await events.passMs(60_000);
      assert.deepEqual(events.log(), [
        ['POST', 0],
        ['POST', 45],
        ['POST', 47],
        ['POST', 47],
      ]);
      assert.deepEqual(events.told(), { a: 1, b: 1 });
      assert.equal(events.counts().failed, 2);
      assert.deepEqual(linesOf(events), [
        ['kubernetes_events_problem', 'create', status],
        ['kubernetes_events_recovered', undefined, undefined],
      ]);
    });
  }

  test('that fails for one Event only does not keep the others waiting', async () => {
    const events = createEvents();
    events.respond = async (request: ApiRequest) =>
      request.body.includes('uid-bad') ? answer(500, 'etcd') : events.toStore(request);
    for (const name of ['bad', 'a', 'b']) events.add(breakOf(name));
    await events.passMs(1000);
    assert.deepEqual(events.told(), { a: 1, b: 1 });
  });
});

describe('a missing right', () => {
  test('is said once, with verb, resource and what gives it; tried once a minute, all told when it is given', async () => {
    const events = createEvents();
    events.respond = async () => DENIED;
    for (const name of ['a', 'b', 'c']) events.add(breakOf(name));
    await events.passMs(200_000);
    assert.deepEqual(events.log(), [
      ['POST', 0],
      ['POST', 60],
      ['POST', 120],
      ['POST', 180],
    ]);
    assert.deepEqual(linesOf(events), [['kubernetes_events_problem', 'create', 403]]);
    assert.match(
      events.lines[0]!.msg,
      /^Cannot create events\.events\.k8s\.io: 403 .* in the namespace "shop"\. deploy\/components\/kubernetes-events gives/,
    );
    assert.equal(events.lines[0]!['resource'], 'events.events.k8s.io');
    events.respond = events.toStore;
    await events.passMs(60_000);
    assert.deepEqual(events.told(), { a: 1, b: 1, c: 1 });
    assert.deepEqual(events.counts(), { created: 3, updated: 0, failed: 4, held_back: 0 });
    assert.equal(events.lines.at(-1)!.event, 'kubernetes_events_recovered');
  });

  test('to update is one more', async () => {
    const events = createEvents();
    const message = DENIED.message.replace('create', 'patch');
    events.respond = async (request) =>
      request.method === 'PATCH' ? { ...DENIED, message } : events.toStore(request);
    events.add(breakOf('a'));
    await events.passMs(0);
    events.add(breakOf('a'));
    await events.passMs(30_000);
    assert.deepEqual(events.log(), [
      ['POST', 0],
      ['PATCH', 10],
    ]);
    assert.deepEqual(linesOf(events), [['kubernetes_events_problem', 'patch', 403]]);
    events.respond = events.toStore;
    await events.passMs(60_000);
    assert.deepEqual(events.told(), { a: 2 });
  });

  test('that nobody gives is not said again, however long that lasts', async () => {
    const events = createEvents();
    events.respond = async () => DENIED;
    for (let minute = 0; minute < 60; minute++) {
      events.add(breakOf('a'));
      await events.passMs(60_000);
    }
    assert.equal(events.lines.length, 1);
    assert.equal(events.sent.length, 61, 'at once, and then each minute');
  });
});

describe('an Event that is refused', () => {
  for (const refusal of [TERMINATING, answer(404, 'namespaces "shop" not found'), answer(422, 'invalid')]) {
    test(`with "${refusal.message}" is given up, the next one goes at once`, async () => {
      const events = createEvents();
      answerFirst(events, refusal);
      events.add(breakOf('a'));
      events.add(breakOf('b'));
      await events.passMs(0);
      assert.deepEqual(events.told(), { b: 1 });
      assert.deepEqual(events.counts(), { created: 1, updated: 0, failed: 1, held_back: 1 });
      assert.deepEqual(linesOf(events), [['kubernetes_events_problem', 'create', refusal.status]]);
      assert.match(
        events.lines[0]!.msg,
        /^The API server does not take a Kubernetes Event, which is given up: /,
      );
      await events.passMs(600_000);
      assert.equal(events.sent.length, 2);
    });
  }

  test('is said again after ten minutes, not each time', async () => {
    const events = createEvents();
    events.respond = async () => TERMINATING;
    for (let i = 0; i <= 20; i++) {
      events.add(breakOf('a'));
      await events.passMs(30_000);
    }
    assert.equal(events.lines.length, 2);
  });
});
