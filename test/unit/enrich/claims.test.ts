import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Claims } from '../../../src/enrich/claims.ts';

const key = fc.constantFrom('a', 'b', 'c');
const owner = fc.constantFrom('x', 'y', 'z');
const change = fc.record({ owner, said: fc.dictionary(key, fc.nat(9)), asks: key });

test('after any changes the answers are those of the last word of every owner', () => {
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const claims = new Claims<number, number>((values) => Math.max(...values));
      const lastWord = new Map<string, Record<string, number>>();
      for (const { owner, said, asks } of changes) {
        if (Object.keys(said).length === 0) claims.delete(owner);
        else claims.set(owner, new Map(Object.entries(said)));
        lastWord.set(owner, said);
        const left = [...lastWord.values()]
          .map((words) => words[asks])
          .filter((value) => value !== undefined);
        assert.equal(claims.get(asks), left.length === 0 ? undefined : Math.max(...left));
      }
    }),
  );
});

test('the choice is made once per change, however often it is asked for', () => {
  let choices = 0;
  const claims = new Claims<number, number>((values) => {
    choices += 1;
    return values[0]!;
  });
  claims.set('x', new Map([['a', 1]]));
  for (let i = 0; i < 100; i++) claims.get('a');
  assert.equal(choices, 1);
});

test('a key is vacant when its last owner goes or says something else, not when it is said anew', () => {
  const left: [string, number][] = [];
  const claims = new Claims<number, number>(
    (values) => values.at(-1)!,
    (key, last) => left.push([key, last]),
  );
  claims.set('a', new Map([['x', 1]]));
  claims.set('a', new Map([['x', 2]]));
  claims.set('b', new Map([['x', 3]]));
  claims.delete('b');
  claims.delete('never-seen');
  assert.deepEqual(left, []);
  claims.set('a', new Map([['y', 4]]));
  claims.set('a', new Map());
  assert.deepEqual(left, [
    ['x', 2],
    ['y', 4],
  ]);
});
