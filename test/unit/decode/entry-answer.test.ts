import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntryAnswer } from '../../../src/decode/entry-answer.ts';
import { attributesOf, tupleOf } from '../../support/netlink-messages.ts';
import {
  attr,
  doneMessage,
  dumpMessage,
  type EntrySpec,
  errorMessage,
  netlinkMessage,
} from '../../support/packets.ts';

const ENTRY: Omit<EntrySpec, 'type'> = {
  original: ['10.244.1.7', 40_001, '10.96.0.10', 6379],
  reply: ['10.244.2.1', 8080, '10.0.0.9', 14_992],
  status: 0x1ae,
  timeout: 86_000,
  state: 3,
  id: 77,
};
const ENTRY6: Omit<EntrySpec, 'type'> = {
  ...ENTRY,
  original: ['2001:db8::1', 1, 'fd00:1::a', 80],
  reply: ['2001:db8:2::1', 8080, '2001:db8:9::9', 14_992],
};

/** The answer, which must be an entry. */
function entryOf(bytes: Uint8Array) {
  const answer = readEntryAnswer(bytes);
  assert.ok(answer && 'row' in answer, 'an entry');
  return answer;
}
const typesOf = (identity: { readonly attributes: Uint8Array }) =>
  attributesOf(Buffer.from(identity.attributes)).map(({ type }) => type);

test('an entry: the row, and what names it, as the kernel wrote it', () => {
  const { sequence, row, identity } = entryOf(dumpMessage(ENTRY, 5));
  assert.equal(sequence, 5);
  assert.deepEqual(
    [
      row.v6,
      row.sport,
      row.dport,
      row.replySport,
      row.replyDport,
      row.zone,
      row.status,
      row.tcpState,
      row.timeoutSeconds,
    ],
    [false, 40_001, 6379, 8080, 14_992, 0, 0x1ae, 3, 86_000],
  );
  assert.equal(identity.family, 2);
  const [reply, ...more] = attributesOf(Buffer.from(identity.attributes));
  assert.deepEqual([reply!.type, more], [2, []]);
  assert.deepEqual(tupleOf(reply!.value), {
    ...{ src: '10.244.2.1', sport: 8080, dst: '10.0.0.9', dport: 14_992, protocol: 6, zone: undefined },
  });
  const six = entryOf(dumpMessage(ENTRY6, 6));
  assert.deepEqual([six.row.v6, six.identity.family], [true, 10]);
  assert.equal(
    tupleOf(attributesOf(Buffer.from(six.identity.attributes))[0]!.value).dst,
    '2001:0db8:0009:0000:0000:0000:0000:0009',
  );
});

test('a zone is the entry’s, or one direction’s: each stays where it was', () => {
  const TUPLE_REPLY = 2;
  const ZONE = 18;
  const zoned = entryOf(dumpMessage({ ...ENTRY, zone: 9 }, 1));
  assert.deepEqual([zoned.row.zone, typesOf(zoned.identity)], [9, [TUPLE_REPLY, ZONE]]);
  const zone = attributesOf(Buffer.from(zoned.identity.attributes)).at(-1)!.value;
  assert.deepEqual(zone, Buffer.from([0, 9]));
  const replyZone = (bytes: Uint8Array) =>
    tupleOf(attributesOf(Buffer.from(entryOf(bytes).identity.attributes))[0]!.value).zone;
  const original = dumpMessage({ ...ENTRY, tupleZone: 9 }, 1);
  assert.deepEqual(
    [entryOf(original).row.zone, typesOf(entryOf(original).identity), replyZone(original)],
    [9, [TUPLE_REPLY], undefined],
  );
  const reply = dumpMessage({ ...ENTRY, replyZone: 8 }, 1);
  assert.deepEqual([entryOf(reply).row.zone, replyZone(reply)], [0, 8]);
});

test('a refusal: its errno, without a sign', () => {
  assert.deepEqual(readEntryAnswer(errorMessage(7, -2)), { sequence: 7, errno: 2 });
  assert.deepEqual(readEntryAnswer(errorMessage(7, 0)), { sequence: 7, errno: 0 });
});

test('what is no answer to that question, or makes no sense', () => {
  const whole = dumpMessage(ENTRY, 1);
  const longer = Buffer.from(whole);
  longer.writeUInt32LE(whole.length + 1, 0);
  const shorter = Buffer.from(whole);
  shorter.writeUInt32LE(18, 0);
  const body = whole.subarray(16);
  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['less than a header', whole.subarray(0, 19)],
    ['a length beyond what was received', longer],
    ['a length shorter than the headers', shorter],
    ['a DESTROY', netlinkMessage(0x102, 0, body, 0, 1)],
    ['of another subsystem', netlinkMessage(0xa00, 0, body, 0, 1)],
    ['the end of a dump', doneMessage(1)],
    ['UDP', dumpMessage({ ...ENTRY, protocol: 17 }, 1)],
    ['no reply tuple', netlinkMessage(0x100, 0, withoutReply(body), 0, 1)],
    ['no attributes', netlinkMessage(0x100, 0, body.subarray(0, 4), 0, 1)],
    ['a state that nobody knows', dumpMessage({ ...ENTRY, state: 14 }, 1)],
    ['a value of the wrong size', dumpMessage({ ...ENTRY, extra: attr(18, Buffer.alloc(4)) }, 1)],
    ['an attribute longer than the rest', dumpMessage({ ...ENTRY, extra: Buffer.from([200, 0, 60, 0]) }, 1)],
    ['an attribute of no length', dumpMessage({ ...ENTRY, extra: Buffer.from([0, 0, 60, 0]) }, 1)],
  ] as const) {
    assert.equal(readEntryAnswer(bytes), undefined, what);
  }
  // Cut off anywhere it is not read: neither half an identity nor a row of the entry before.
  for (let length = 0; length < whole.length; length++) {
    assert.equal(readEntryAnswer(whole.subarray(0, length)), undefined, `${length} bytes`);
  }
});

test('what names the entry is a copy: the buffer is used again', () => {
  const bytes = dumpMessage(ENTRY, 1);
  const { identity } = entryOf(bytes);
  const before = Buffer.from(identity.attributes);
  bytes.fill(0xff);
  assert.deepEqual(Buffer.from(identity.attributes), before);
});

/** The body of a message, its second attribute left out. */
function withoutReply(body: Buffer): Buffer {
  const first = 4 + body.readUInt16LE(4);
  return Buffer.concat([body.subarray(0, first), body.subarray(first + body.readUInt16LE(first))]);
}
