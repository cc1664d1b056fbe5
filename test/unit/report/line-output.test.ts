import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LineOutput } from '../../../src/report/line-output.ts';

/** A reader that takes one write each time it is told to. */
function createReader(maxWaiting: number) {
  const waiting: { text: string; done: (error?: Error) => void }[] = [];
  const failures: Error[] = [];
  let taken = '';
  const output = new LineOutput({
    sink: { write: (text, done) => void waiting.push({ text, done }) },
    lost: (lost) => `lost ${lost}\n`,
    skipped: (events, findings) => `skipped ${events} ${findings}\n`,
    onFailed: (error) => void failures.push(error),
    maxWaiting,
  });
  const take = async () => {
    await setImmediate();
    const write = waiting.shift();
    if (!write) return false;
    taken += write.text;
    write.done();
    return true;
  };
  return {
    output,
    failures,
    take,
    fail: (error: Error) => waiting.shift()!.done(error),
    async takeAll() {
      while (await take());
      return taken;
    },
    writes: () => waiting.length,
  };
}

const event = (output: LineOutput, text: string) => {
  if (output.takesEvent()) output.line(text);
};
const finding = (output: LineOutput, text: string) => {
  if (output.takesFinding()) output.line(text);
};

test('lines of one turn go in one write, in their order', async () => {
  const { output, takeAll, writes } = createReader(1000);
  event(output, 'a\n');
  finding(output, 'b\n');
  output.lost(3);
  event(output, 'c\n');
  await setImmediate();
  assert.equal(writes(), 1);
  assert.equal(await takeAll(), 'a\nb\nlost 3\nc\n');
});

test('a reader who pauses gets everything in the end, while it fits', async () => {
  const { output, takeAll } = createReader(1000);
  for (let i = 0; i < 90; i++) {
    event(output, `line ${i}\n`);
    if (i % 10 === 0) await setImmediate();
  }
  const text = await takeAll();
  assert.deepEqual(
    text.trim().split('\n'),
    Array.from({ length: 90 }, (_, i) => `line ${i}`),
  );
});

test('beyond the bound events are left out until half is read, and counted in their place', async () => {
  const { output, takeAll } = createReader(100);
  for (let i = 0; i < 30; i++) event(output, `event ${10 + i}\n`);
  assert.equal(await takeAll(), Array.from({ length: 12 }, (_, i) => `event ${10 + i}\n`).join(''));
  event(output, 'next\n');
  assert.match(await takeAll(), /event 21\nskipped 18 0\nnext\n$/);
});

test('it does not start again for every line that is read', async () => {
  const { output, take, takeAll } = createReader(100);
  event(output, `${'x'.repeat(19)}\n`);
  await setImmediate();
  for (let i = 0; i < 10; i++) event(output, `${'y'.repeat(19)}\n`);
  await take();
  event(output, 'too early\n');
  const text = await takeAll();
  assert.doesNotMatch(text, /too early|skipped/);
  event(output, 'again\n');
  assert.match(await takeAll(), /skipped 7 0\nagain\n$/);
});

test('findings have room above the events, and their place among what was left out', async () => {
  const { output, takeAll } = createReader(100);
  for (let i = 0; i < 15; i++) event(output, `event ${10 + i}\n`);
  finding(output, 'a finding\n');
  for (let i = 0; i < 5; i++) event(output, 'more\n');
  for (let i = 0; i < 10; i++) finding(output, 'finding\n');
  const text = await takeAll();
  assert.match(text, /event 21\nskipped 3 0\na finding\nskipped 5 0\nfinding\n/);
  event(output, 'end\n');
  assert.match(await takeAll(), /(finding\n)+skipped 0 \d+\nend\n$/);
});

test('what the kernel lost meanwhile is told after what was left out', async () => {
  const { output, takeAll } = createReader(20);
  for (let i = 0; i < 5; i++) event(output, 'an event\n');
  output.lost(4);
  output.lost(6);
  await takeAll();
  event(output, 'next\n');
  assert.match(await takeAll(), /skipped 2 0\nlost 10\nnext\n$/);
});

test('the end writes what waits, and what is missing', async () => {
  const { output, take, takeAll } = createReader(20);
  for (let i = 0; i < 5; i++) event(output, 'an event\n');
  const ended = output.end(1000, 9000);
  while (await take());
  assert.equal(await ended, true);
  assert.match(await takeAll(), /skipped 2 0\n$/);
});

test('the end gives up when nobody reads', async () => {
  const { output } = createReader(100);
  event(output, 'nobody reads this\n');
  assert.equal(await output.end(1, 9000), false);
});

test('the end gives up on a reader who reads too slowly', async () => {
  const { output, take } = createReader(1_000_000);
  for (let i = 0; i < 3; i++) event(output, `${'x'.repeat(65_536)}\n`);
  const ended = output.end(60_000, 50);
  await take();
  assert.equal(await ended, false);
});

test('when it cannot be written it is told once, and nothing waits any more', async () => {
  const { output, fail, failures, writes } = createReader(100);
  event(output, 'a\n');
  await setImmediate();
  event(output, 'b\n');
  fail(new Error('EPIPE'));
  event(output, 'c\n');
  await setImmediate();
  assert.deepEqual([failures.length, writes()], [1, 0]);
  assert.equal(await output.end(1000, 9000), false);
});
