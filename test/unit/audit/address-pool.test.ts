import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressPool } from '../../../src/audit/address-pool.ts';

const ADDRESSES = 800;

/** Any two differ in one word or two, each of the four words in turn. */
function addressOf(i: number): Uint32Array {
  const words = Uint32Array.of(0x20010db8, 7, 7, 7);
  words[i % 4]! += 1 + (i >> 2);
  return words;
}

function copyOf(pool: AddressPool, number: number): number[] {
  const into = new Uint32Array(6).fill(9);
  pool.copy(number, into, 1);
  assert.deepEqual([into[0], into[5]], [9, 9], 'nothing but the four words is written');
  return [...into.subarray(1, 5)];
}

const operation = fc.record({
  kind: fc.constantFrom('take', 'take', 'release'),
  first: fc.nat(ADDRESSES - 1),
  count: fc.integer({ min: 1, max: 120 }),
});

test('against a plain model: every use counted, a number kept as long as it is in use, and then used again', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
      const pool = new AddressPool();
      const model = new Map<number, { number: number; uses: number }>();
      let peak = 0;
      for (const { kind, first, count } of operations) {
        for (let k = first; k < first + count; k++) {
          const i = k % ADDRESSES;
          const known = model.get(i);
          if (kind === 'take') {
            const number = pool.take(addressOf(i), 0);
            assert.ok(number > 0);
            if (known) assert.equal(number, known.number);
            model.set(i, { number, uses: (known?.uses ?? 0) + 1 });
            peak = Math.max(peak, model.size);
          } else if (known) {
            pool.release(known.number);
            if (--known.uses === 0) model.delete(i);
          }
        }
        const numbers = new Set([...model.values()].map(({ number }) => number));
        assert.equal(numbers.size, model.size, 'one number each');
        assert.ok(
          [...numbers].every((number) => number <= peak),
          'released numbers are used again',
        );
        for (let i = 0; i < ADDRESSES; i++) {
          const number = model.get(i)?.number ?? 0;
          assert.equal(pool.find(addressOf(i), 0), number, `address ${i}`);
          if (number !== 0) assert.deepEqual(copyOf(pool, number), [...addressOf(i)]);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('growth far beyond the first capacity keeps every number', () => {
  const pool = new AddressPool();
  const numbers = Array.from({ length: 20_000 }, (_, i) => pool.take(addressOf(i), 0));
  assert.equal(new Set(numbers).size, numbers.length);
  for (const [i, number] of numbers.entries()) assert.equal(pool.find(addressOf(i), 0), number);
  for (const number of numbers) pool.release(number);
  for (const i of numbers.keys()) assert.equal(pool.find(addressOf(i), 0), 0);
  const again = Array.from({ length: 20_000 }, (_, i) => pool.take(addressOf(i + 5), 0));
  assert.equal(Math.max(...again), Math.max(...numbers), 'no more memory than before');
});

test('an address in the middle of more words; and number 0 is nobody’s', () => {
  const pool = new AddressPool();
  const words = Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const number = pool.take(words, 3);
  assert.deepEqual(copyOf(pool, number), [4, 5, 6, 7]);
  assert.equal(pool.find(words, 3), number);
  assert.equal(pool.find(words, 4), 0);
  const other = pool.take(words, 0);
  pool.release(other);
  pool.release(0);
  assert.equal(pool.find(words, 3), number);
  assert.equal(pool.take(words, 1), other, 'what was released before is still there to be used again');
});
