import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LostTable } from '../../../src/detect/lost-table.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import { BACKENDS, lost, originalTuple, replyTuple } from '../../support/flow-events.ts';

const TTL = 1000;
const CAPACITY = 16;

const sports = fc.nat(30);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), sport: sports, backend: fc.nat(2), zone: fc.nat(1) }),
  fc.record({ kind: fc.constant('remove' as const), sport: sports, backend: fc.nat(2), zone: fc.nat(1) }),
  fc.record({ kind: fc.constant('wait' as const), sport: sports, backend: fc.nat(2), zone: fc.nat(1) }),
);

test('against a plain model: adding, finding, removing, expiring, evicting', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const table = new LostTable(CAPACITY, TTL);
      // What must be found, oldest first.
      let model: { zone: number; sport: number; backend: string; at: number }[] = [];
      let nowMs = 0;
      for (const { kind, sport, zone, ...rest } of operations) {
        const backend = BACKENDS[rest.backend]!;
        const same = (row: (typeof model)[number]) => row.zone === zone && row.sport === sport;
        if (kind === 'wait') {
          nowMs += sport * 20;
        } else if (kind === 'add') {
          model = model.filter((row) => !same(row) && nowMs - row.at < TTL).slice(-(CAPACITY - 1));
          model.push({ zone, sport, backend, at: nowMs });
          const event = lost({ zone, original: originalTuple(sport), reply: replyTuple(backend, sport) });
          table.add(event, 'timeout', undefined, nowMs);
        } else {
          const slot = table.findByOriginal(zone, originalTuple(sport), nowMs);
          if (slot !== undefined) table.remove(slot);
          if (slot !== undefined) model = model.filter((row) => !same(row));
        }
        for (let port = 0; port <= 30; port++) {
          for (const z of [0, 1]) {
            const row = model.find((r) => r.zone === z && r.sport === port && nowMs - r.at < TTL);
            const slot = table.findByOriginal(z, originalTuple(port), nowMs);
            assert.equal(slot === undefined, row === undefined, `zone ${z} port ${port}`);
            if (slot === undefined || !row) continue;
            assert.deepEqual(table.read(slot).old?.reply, replyTuple(row.backend, port));
            assert.equal(table.findByReply(z, replyTuple(row.backend, port), nowMs), slot);
          }
        }
      }
      table.expire(Number.POSITIVE_INFINITY);
      assert.equal(table.size, 0);
    }),
    { numRuns: 150 },
  );
});

test('a full table drops the oldest and counts it', () => {
  const table = new LostTable(3, TTL);
  const tuples: Tuple[] = [1, 2, 3, 4, 5].map((sport) => originalTuple(sport));
  for (const [i, original] of tuples.entries()) {
    table.add(lost({ original, reply: replyTuple(BACKENDS[0], original.sport) }), 'timeout', undefined, i);
  }
  assert.deepEqual([table.size, table.evictions], [3, 2]);
  assert.deepEqual(
    tuples.map((tuple) => table.findByOriginal(0, tuple, 5) !== undefined),
    [false, false, true, true, true],
  );
});

test('a loss past its time is not found, and is freed', () => {
  const table = new LostTable(8, TTL);
  table.add(lost(), 'timeout', undefined, 0);
  assert.notEqual(table.findByOriginal(0, originalTuple(), TTL - 1), undefined);
  assert.equal(table.findByOriginal(0, originalTuple(), TTL), undefined);
  table.expire(TTL);
  assert.equal(table.size, 0);
});

test('a connection known to be broken is marked, with or without a known loss', () => {
  const table = new LostTable(8, TTL);
  table.addBroken(0, originalTuple(), 0);
  const unseen = table.read(table.findByOriginal(0, originalTuple(), 0)!);
  assert.deepEqual([unseen.broken, unseen.old, unseen.cause], [true, undefined, 'unseen']);
  table.add(lost(), 'timeout', 123, 1);
  table.markBroken(table.findByOriginal(0, originalTuple(), 1)!);
  const seen = table.read(table.findByOriginal(0, originalTuple(), 1)!);
  assert.deepEqual([seen.broken, seen.old, seen.lastActivityMs], [true, lost(), 123]);
  assert.equal(table.size, 1);
  table.forget(0, originalTuple(), 1);
  assert.equal(table.size, 0);
});
