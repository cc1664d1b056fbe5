import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeDatagram, type Message } from '../../src/decode/datagram.ts';
import { readCaptures } from '../support/captured-bytes.ts';

const SEEDS = ['5.10', '6.1', '6.18', '6.18-variants'].flatMap((kernel) =>
  readCaptures(`linux-${kernel}.hex`).flatMap(({ datagrams }) => datagrams),
);
const RUNS = 120_000;

/** A recorded datagram with some bytes overwritten, some cut off, some put in. */
const mutated = fc
  .record({
    seed: fc.nat(SEEDS.length - 1),
    writes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }),
    cut: fc.option(fc.nat(400), { freq: 4 }),
    insert: fc.option(fc.tuple(fc.nat(200), fc.uint8Array({ maxLength: 12 })), { freq: 4 }),
  })
  .map(({ seed, writes, cut, insert }) => {
    let bytes = Buffer.from(SEEDS[seed]!);
    for (const [at, value] of writes) bytes[at % bytes.length] = value;
    if (insert) bytes = Buffer.concat([bytes.subarray(0, insert[0]), insert[1], bytes.subarray(insert[0])]);
    return cut === null ? bytes : bytes.subarray(0, cut);
  });

test(`${RUNS} mutated messages: never an exception, never a byte beyond the end`, () => {
  const kinds = new Map<string, number>();
  fc.assert(
    fc.property(mutated, (bytes) => {
      // The same datagram twice, with different bytes behind its end: a read past it would show.
      const messages = [0x00, 0xff].map((filler) => {
        const memory = Buffer.alloc(bytes.length + 64, filler);
        memory.set(bytes, 32);
        return decodeDatagram({ bytes: memory.subarray(32, 32 + bytes.length), receivedAtMs: 1 });
      });
      assert.deepEqual(messages[0], messages[1]);
      for (const message of messages[0]!) kinds.set(nameOf(message), (kinds.get(nameOf(message)) ?? 0) + 1);
    }),
    { numRuns: RUNS },
  );
  // The mutations must reach both outcomes, or the test shows nothing.
  for (const kind of [
    'flow',
    'bad_attribute_length',
    'truncated_datagram',
    'bad_value_size',
    'missing_tuple',
  ]) {
    assert.ok((kinds.get(kind) ?? 0) > 100, `${kind}: ${kinds.get(kind)} of ${JSON.stringify([...kinds])}`);
  }
});

function nameOf(message: Message): string {
  return message.kind === 'malformed' ? message.reason : message.kind;
}
