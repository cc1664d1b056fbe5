import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from '../../../src/enrich/recent-map.ts';

function startMap(maxEntries: number) {
  let nowMs = 0;
  const map = new RecentMap<string>(() => nowMs, 100, maxEntries);
  return {
    map,
    passMs: (ms: number) => {
      nowMs += ms;
    },
    values: (...keys: string[]) => keys.map((key) => map.get(key)),
  };
}

test('an entry is there until its time is over, which begins anew when it is set again', () => {
  const { map, passMs, values } = startMap(10);
  map.set('a', '1');
  map.set('b', '1');
  passMs(60);
  map.set('a', '2');
  passMs(39);
  assert.deepEqual(values('a', 'b'), ['2', '1']);
  passMs(1);
  assert.deepEqual(values('a', 'b', 'c'), ['2', undefined, undefined]);
  map.delete('a');
  assert.deepEqual(values('a'), [undefined]);
});

test('of too many the ones set first are forgotten first', () => {
  const { map, values } = startMap(3);
  for (const key of ['a', 'b', 'c', 'a', 'd']) map.set(key, key);
  assert.deepEqual(values('a', 'b', 'c', 'd'), ['a', undefined, 'c', 'd']);
});

test('those whose time is over are cleared away when another comes', () => {
  const { map, passMs } = startMap(10);
  for (const key of ['a', 'b', 'c']) map.set(key, key);
  passMs(100);
  assert.equal(map.size, 3);
  map.set('d', 'd');
  assert.equal(map.size, 1);
});
