/** Which Events are posted, and when. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { breakOf, createEvents } from './events-harness.ts';
import { pickup, redis } from './samples.ts';

describe('a break', () => {
  test('of a pod is an Event on it, with the sentence of the log', async () => {
    const events = createEvents();
    events.add(breakOf('a'));
    assert.equal(events.sent.length, 0, 'nothing is sent by whoever adds');
    await events.passMs(0);
    assert.deepEqual(
      events.store.events.map(({ regarding, note, reason }) => ({ regarding, note, reason })),
      [
        {
          regarding: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'a', uid: 'uid-a' },
          note: 'Connection from a was reset',
          reason: 'ConntrackConnectionBroken',
        },
      ],
    );
    assert.deepEqual(events.counts(), { created: 1, updated: 0, failed: 0, held_back: 0 });
    await events.passMs(3_600_000);
    assert.equal(events.sent.length, 1);
    assert.equal(events.timers(), 0);
  });

  test('that broke nothing, or of a client that is no pod, is none', async () => {
    const events = createEvents();
    events.add(breakOf('a', { broken: false, verdict: 'survived' }));
    const { client } = pickup();
    const nameless = { ip: client.ip, port: client.port, namespace: undefined, pod: undefined };
    events.add(pickup({ client: { ...nameless, workload: undefined } }));
    events.add(pickup({ client: { ...nameless, workload: 'Node/node-1' } }));
    events.add(pickup({ client }));
    await events.passMs(60_000);
    assert.equal(events.sent.length, 0);
    assert.deepEqual(events.counts(), { created: 0, updated: 0, failed: 0, held_back: 0 });
  });

  test('of another pod, Service, cause or outcome is another Event; of another mapping or sender it is not', async () => {
    const events = createEvents();
    const { client } = breakOf('a');
    for (const fields of [
      {},
      { client: { ...client, podUid: 'made anew' } },
      { service: { ...redis, name: 'other' } },
      { service: { ...redis, servicePort: 80 } },
      { cause: 'deleted' },
      { verdict: 'stalled' },
    ] as const) {
      events.add(breakOf('a', fields));
    }
    events.add(breakOf('a', { mapping: 'none' }));
    events.add(breakOf('a', { sender: 'server', client: { ...client, port: 7 } }));
    await events.passMs(0);
    assert.deepEqual(
      events.store.events.map(({ series }) => series?.count ?? 1),
      [3, 1, 1, 1, 1, 1],
    );
  });
});

describe('a series', () => {
  test('is told again after 10 s at the earliest, with all that came by then', async () => {
    const events = createEvents();
    events.add(breakOf('a'));
    await events.passMs(100);
    for (let i = 1; i <= 100; i++) {
      events.add(breakOf('a', { pickedUpAtMs: pickup().pickedUpAtMs + i }));
      await events.passMs(10);
    }
    events.add(breakOf('a'));
    await events.passMs(59_900);
    events.add(breakOf('a'));
    await events.passMs(60_000);
    assert.deepEqual(events.log(), [
      ['POST', 0],
      ['PATCH', 10],
      ['PATCH', 61],
    ]);
    const [event] = events.store.events;
    assert.deepEqual(event!.series, { count: 103, lastObservedTime: '2026-03-01T12:00:01.600250Z' });
    assert.equal(event!['eventTime'], '2026-03-01T12:00:01.500250Z');
    assert.deepEqual(events.counts(), { created: 1, updated: 2, failed: 0, held_back: 0 });
  });

  test('that grew while its Event was made is told of afterwards', async () => {
    const events = createEvents();
    const { promise, resolve } = Promise.withResolvers<void>();
    events.respond = async (request) => {
      await promise;
      return events.toStore(request);
    };
    events.add(breakOf('a'));
    await events.passMs(0);
    events.add(breakOf('a'));
    resolve();
    await events.passMs(9999);
    assert.deepEqual(events.told(), { a: 1 });
    await events.passMs(1);
    assert.deepEqual(events.told(), { a: 2 });
  });

  test('ends when six minutes went by without a break', async () => {
    const events = createEvents();
    for (const waitMs of [0, 360_000, 360_000, 360_001]) {
      await events.passMs(waitMs);
      events.add(breakOf('a'));
    }
    await events.passMs(60_000);
    const { store } = events;
    assert.deepEqual(
      store.events.map(({ series }) => series?.count ?? 1),
      [3, 1],
    );
    assert.equal(new Set(store.events.map(({ metadata }) => metadata.name)).size, 2);
  });

  test('whose Event was deleted gets a new one, with all it knows', async () => {
    const events = createEvents();
    events.add(breakOf('a'));
    await events.passMs(20_000);
    events.store.expire();
    events.add(breakOf('a'));
    await events.passMs(60_000);
    assert.deepEqual(events.told(), { a: 2 });
    assert.deepEqual(events.log(), [
      ['POST', 0],
      ['PATCH', 20],
      ['POST', 20],
    ]);
    assert.deepEqual(events.counts(), { created: 2, updated: 0, failed: 0, held_back: 0 });
  });
});

describe('stopping', () => {
  test('tells what is still to be told, and waits for nothing else', async () => {
    const events = createEvents();
    events.add(breakOf('a'));
    await events.passMs(1);
    events.add(breakOf('a'));
    events.add(breakOf('b'));
    await events.stop();
    assert.deepEqual(events.told(), { a: 2, b: 1 });
    events.add(breakOf('c'));
    assert.equal(events.timers(), 0);
    await events.passMs(60_000);
    assert.deepEqual(events.told(), { a: 2, b: 1 });
  });

  test('ends at once if there is nothing to tell, and if nothing may be sent now', async () => {
    const idle = createEvents();
    await idle.stop();
    const tooMany = createEvents();
    for (let i = 0; i < 40; i++) tooMany.add(breakOf(`p${i}`));
    await tooMany.stop();
    assert.equal(tooMany.sent.length, 25);
    assert.equal(tooMany.timers(), 0);
  });

  test('gives up after a second if the server does not answer', async () => {
    for (const isSending of [true, false]) {
      const events = createEvents();
      events.respond = () => new Promise(() => {});
      for (let i = 0; i < 3; i++) events.add(breakOf(`p${i}`));
      if (isSending) await events.passMs(0);
      let hasStopped = false;
      const stopped = events.stop().then(() => {
        hasStopped = true;
      });
      await events.passMs(999);
      assert.equal(hasStopped, false);
      await events.passMs(1);
      await stopped;
      assert.equal(events.sent.length, 1);
      assert.equal(events.sent[0]!.signal.aborted, true);
      assert.deepEqual([events.timers(), events.lines], [0, []]);
    }
  });
});
