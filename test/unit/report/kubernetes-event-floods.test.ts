/** Many breaks at once: what is sent when, and what is not kept. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { breakOf, createEvents } from './events-harness.ts';

describe('many', () => {
  test('pods get theirs one after another: 25 at once, then one every 5 s', async () => {
    const events = createEvents();
    for (let i = 0; i < 30; i++) events.add(breakOf(`p${i}`));
    let inFlight = 0;
    events.respond = async (request) => {
      assert.equal(++inFlight, 1);
      const result = await events.toStore(request);
      inFlight--;
      return result;
    };
    await events.passMs(60_000);
    assert.deepEqual(
      events.log().map(([, seconds]) => seconds),
      [...Array(25).fill(0), 5, 10, 15, 20, 25],
    );
    assert.deepEqual(
      Object.keys(events.told()),
      Array.from({ length: 30 }, (_, i) => `p${i}`),
    );
  });

  test('requests go one at a time, also when a break comes meanwhile', async () => {
    const events = createEvents();
    const answers: (() => void)[] = [];
    events.respond = (request) =>
      new Promise((resolve) => answers.push(() => resolve(events.toStore(request))));
    for (const name of ['a', 'b', 'c']) {
      events.add(breakOf(name));
      await events.passMs(10);
      assert.equal(events.sent.length, 1);
    }
    answers[0]!();
    await events.passMs(10);
    assert.equal(events.sent.length, 2);
  });

  test('new Events go before updates of old ones', async () => {
    const events = createEvents();
    for (let i = 0; i < 25; i++) events.add(breakOf(`p${i}`));
    await events.passMs(4999);
    for (let i = 0; i < 3; i++) events.add(breakOf(`p${i}`));
    for (let i = 0; i < 2; i++) events.add(breakOf(`q${i}`));
    await events.passMs(60_000);
    assert.deepEqual(events.log().slice(25), [
      ['POST', 5],
      ['POST', 10],
      ['PATCH', 15],
      ['PATCH', 20],
      ['PATCH', 25],
    ]);
  });

  test('breaks in a flood cost whoever adds them nothing but counting', async () => {
    const events = createEvents();
    for (let i = 0; i < 100_000; i++) events.add(breakOf('a'));
    assert.deepEqual([events.sent.length, events.notes(), events.timers()], [0, 1, 1]);
    await events.passMs(0);
    assert.deepEqual(events.told(), { a: 100_000 });
    assert.equal(events.sent.length, 1);
  });

  test('series are 1000 at most: what is beyond is counted as held back, and not even put into words', async () => {
    const events = createEvents();
    for (let i = 0; i < 100_000; i++) events.add(breakOf(`p${i}`));
    assert.deepEqual([events.sent.length, events.notes(), events.timers()], [0, 1000, 1]);
    assert.equal(events.counts().held_back, 99_000);
    await events.passMs(3_600_000);
    const { created, held_back } = events.counts();
    assert.equal(created, 25 + 600 / 5, 'in ten minutes');
    assert.equal(held_back, 100_000 - created, 'what waited for ten minutes is given up');
    assert.equal(events.timers(), 0);
  });

  test('the series used least recently makes room', async () => {
    const events = createEvents();
    const isNew = (name: string) => {
      const before = events.notes();
      events.add(breakOf(name));
      return events.notes() > before;
    };
    for (const name of ['first', 'second', 'third']) assert.equal(isNew(name), true);
    assert.equal(isNew('first'), false);
    await events.passMs(20_000);
    for (let i = 0; i < 998; i++) assert.equal(isNew(`p${i}`), true);
    assert.equal(isNew('first'), false);
    assert.equal(isNew('second'), true);
    assert.equal(events.counts().held_back, 0);
  });
});
