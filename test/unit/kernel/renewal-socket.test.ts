import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readEntryAnswer } from '../../../src/decode/entry-answer.ts';
import { checkIdentity } from '../../../src/kernel/renewal-socket.ts';
import { attributesOf } from '../../support/netlink-messages.ts';
import { attr, dumpMessage, nest } from '../../support/packets.ts';

const TUPLE_ORIG = 1;
const TUPLE_REPLY = 2;
const STATUS = 3;
const PROTOINFO = 4;
const TIMEOUT = 7;
const MARK = 8;
const ZONE = 18;
const NESTED = 0x8000;

const tuple = nest(TUPLE_REPLY, attr(1, Buffer.from([1, 2, 3, 4])));
const zone = attr(ZONE, Buffer.from([0, 9]));

test('what names an entry is its reply tuple and its zone', () => {
  for (const allowed of [[tuple], [tuple, zone], [zone, tuple], [attr(TUPLE_REPLY, Buffer.alloc(0))]]) {
    assert.doesNotThrow(() => checkIdentity(Buffer.concat(allowed)));
  }
  const { identity } = readEntryAnswer(
    dumpMessage(
      {
        ...{ original: ['2001:db8::1', 1, 'fd00:1::a', 80], reply: ['2001:db8:2::1', 8080, 'fd00::9', 9] },
        ...{ status: 0x1ae, timeout: 1, state: 3, zone: 4, replyZone: 5 },
      },
      1,
    ),
  ) as { identity: { attributes: Uint8Array } };
  assert.doesNotThrow(() => checkIdentity(identity.attributes), 'the longest there is');
});

test('anything else is refused before it is sent', () => {
  const wrong: readonly (readonly [string, Buffer])[] = [
    ['nothing', Buffer.alloc(0)],
    ['a zone alone', zone],
    ['the original tuple', nest(TUPLE_ORIG, attr(1, Buffer.from([1, 2, 3, 4])))],
    ...[TUPLE_ORIG, STATUS, PROTOINFO, TIMEOUT, MARK, 0, 12, 22, 25, 0x3fff].flatMap((type) => [
      [`attribute ${type} behind`, Buffer.concat([tuple, attr(type, Buffer.alloc(4))])] as const,
      [`attribute ${type} in front`, Buffer.concat([attr(type | NESTED, Buffer.alloc(4)), tuple])] as const,
    ]),
    ['cut off', tuple.subarray(0, -1)],
    ['some bytes more', Buffer.concat([tuple, Buffer.alloc(2)])],
    ['an attribute without a length', Buffer.concat([tuple, Buffer.from([0, 0, ZONE, 0])])],
    ['a length beyond the end', Buffer.concat([tuple, Buffer.from([12, 0, ZONE, 0, 0, 9, 0, 0])])],
    ['one without padding', Buffer.concat([tuple, Buffer.from([6, 0, ZONE, 0, 0, 9])])],
    ['too long', Buffer.concat([tuple, nest(TUPLE_REPLY, Buffer.alloc(128))])],
  ];
  for (const [what, bytes] of wrong) assert.throws(() => checkIdentity(bytes), RangeError, what);
});

test('whatever passes has these two and nothing else', () => {
  let passed = 0;
  const parts = fc.array(
    fc.tuple(fc.constantFrom(TUPLE_REPLY, ZONE, TUPLE_REPLY, TIMEOUT, MARK), fc.nat(20), fc.boolean()),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(parts, fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 2 }), (made, writes) => {
      const bytes = Buffer.concat(
        made.map(([type, size, nested]) => attr(type | (nested ? NESTED : 0), Buffer.alloc(size, 0x41))),
      );
      for (const [at, value] of writes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      // At an offset, as in a larger buffer.
      const inside = Buffer.concat([Buffer.alloc(8, 0xff), bytes, Buffer.alloc(8, 0xff)]).subarray(
        8,
        8 + bytes.length,
      );
      try {
        checkIdentity(inside);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return;
      }
      passed++;
      const types = attributesOf(inside).map(({ type }) => type);
      assert.ok(types.includes(TUPLE_REPLY) && types.every((type) => type === TUPLE_REPLY || type === ZONE));
    }),
    { numRuns: 2000 },
  );
  assert.ok(passed > 100, `${passed} passed`);
});
