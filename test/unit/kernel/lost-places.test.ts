import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLostPlaces } from '../../../src/kernel/lost-places.ts';

const LOT = 64;

/** A receive queue as the kernel has it: in order, of a fixed size, counting what finds it full. */
function createQueue(capacityBytes: number, messageBytes = 1280) {
  const queue: number[] = [];
  let number = 0;
  let drops = 0;
  let isReadable = true;
  return {
    send(count: number) {
      for (let i = 0; i < count; i++) {
        number++;
        if ((queue.length + 1) * messageBytes <= capacityBytes) queue.push(number);
        else drops++;
      }
    },
    receive: () => queue.shift(),
    look: () => (isReadable ? { queuedBytes: queue.length * messageBytes, drops } : undefined),
    hide: (hidden: boolean) => {
      isReadable = !hidden;
    },
    drops: () => drops,
  };
}

/** Reads so many messages; each, or the number lost in a place, in the order of the stream. */
function reader(queue: ReturnType<typeof createQueue>) {
  const places = createLostPlaces(queue.look);
  const stream: (number | { lost: number })[] = [];
  const lose = (lost: number) => {
    if (lost > 0) stream.push({ lost });
  };
  return {
    stream,
    /** In lots, as recvmmsg(2) takes them. */
    read(count: number) {
      for (let left = count; left > 0; left -= LOT) {
        const lot = Array.from({ length: Math.min(LOT, left) }, queue.receive).filter((m) => m !== undefined);
        if (lot.length === 0) return;
        for (const message of lot) {
          lose(places.beforeMessage());
          stream.push(message);
        }
        places.afterLot();
      }
    },
    quiet: () => lose(places.whenQuiet()),
    end: () => lose(places.atEnd()),
  };
}

const lostIn = (stream: ReturnType<typeof reader>['stream']) =>
  stream.reduce<number>((sum, each) => sum + (typeof each === 'object' ? each.lost : 0), 0);

test('a burst that overflows: what was lost stands behind everything that was queued', () => {
  const queue = createQueue(100 * 1280);
  const { stream, read, quiet } = reader(queue);
  queue.send(250);
  read(90);
  assert.equal(lostIn(stream), 0, 'not before its place');
  read(10);
  quiet();
  assert.deepEqual(stream.slice(99), [100, { lost: 150 }]);
});

test('a message after it comes after it', () => {
  const queue = createQueue(100 * 1280);
  const { stream, read } = reader(queue);
  queue.send(130);
  read(1);
  queue.send(1);
  read(200);
  assert.deepEqual(stream.slice(99), [100, { lost: 30 }, 131]);
});

test('after a while of quiet, what was lost at the end is told without a message', () => {
  const queue = createQueue(10 * 1280);
  const { stream, read, quiet } = reader(queue);
  read(1);
  quiet();
  queue.send(13);
  read(10);
  assert.equal(lostIn(stream), 0);
  quiet();
  assert.deepEqual(stream.at(-1), { lost: 3 });
  quiet();
  assert.equal(lostIn(stream), 3);
});

test('while the queue cannot be looked at nothing is told, and nothing is forgotten', () => {
  const queue = createQueue(50 * 1280);
  const { stream, read, quiet, end } = reader(queue);
  queue.hide(true);
  queue.send(60);
  read(50);
  quiet();
  assert.equal(lostIn(stream), 0);
  queue.hide(false);
  end();
  assert.equal(lostIn(stream), 10);
});

test('whatever comes and is read: the sum is the kernel’s, and each loss is told where it was', () => {
  const turns = fc.array(fc.record({ send: fc.nat(300), read: fc.nat(300) }), { maxLength: 60 });
  fc.assert(
    fc.property(turns, (steps) => {
      const queue = createQueue(200 * 1280);
      const { stream, read, end } = reader(queue);
      for (const step of steps) {
        queue.send(step.send);
        read(step.read);
      }
      read(1_000_000);
      end();
      assert.equal(lostIn(stream), queue.drops());
      checkPlaces(stream);
    }),
    { numRuns: 300 },
  );
});

test('larger messages than usual are learned from the queue', () => {
  const queue = createQueue(200 * 2304, 2304);
  const { stream, read } = reader(queue);
  queue.send(128);
  read(128);
  queue.send(300);
  read(300);
  queue.send(1);
  read(1);
  assert.equal(lostIn(stream), 100);
  checkPlaces(stream);
});

/** Holes in the numbers are where messages were lost: told of each is what is missing, at the hole or a lot before. */
function checkPlaces(stream: readonly (number | { readonly lost: number })[]): void {
  let missing = 0;
  let told = 0;
  let last = 0;
  let lastAgreed = 0;
  for (const each of stream) {
    if (typeof each === 'object') told += each.lost;
    else {
      missing += each - last - 1;
      last = each;
      lastAgreed++;
    }
    if (told === missing) lastAgreed = 0;
    assert.ok(lastAgreed <= LOT, `at ${last}: ${missing} missing, ${told} told`);
  }
}
