import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeDatagram } from '../../../src/decode/datagram.ts';
import { readCaptures } from '../../support/captured-bytes.ts';
import { attr, type EntrySpec, entryMessage, netlinkMessage } from '../../support/packets.ts';

const receivedAtMs = 1_700_000_000_000.5;
const decode = (...parts: Buffer[]) => decodeDatagram({ bytes: Buffer.concat(parts), receivedAtMs });
const one = (bytes: Buffer) => {
  const messages = decode(bytes);
  assert.equal(messages.length, 1);
  return messages[0]!;
};
const eventOf = (bytes: Buffer) => {
  const message = one(bytes);
  assert.ok(message.kind === 'flow', JSON.stringify(message));
  return message.event;
};

const pickup: EntrySpec = {
  type: 'new',
  original: ['10.0.0.1', 40000, '10.96.0.1', 80],
  reply: ['10.0.1.1', 8080, '10.0.0.1', 40000],
  status: 0x1a8,
  timeout: 300,
  state: 3,
  id: 0x89abcdef,
};

test('a recorded NEW of Linux 6.18 decodes field by field', () => {
  // # 6.18 iptables, expiry, run 2: the pickup. Offsets are in the annotated fixture.
  const capture = readCaptures('linux-6.18.hex').find(({ heading }) => heading.includes('expiry, run 2'))!;
  assert.deepEqual(eventOf(Buffer.from(capture.datagrams[4]!)), {
    type: 'new',
    atMs: receivedAtMs,
    protocol: 6,
    zone: 0,
    original: { src: '172.18.219.65', sport: 30832, dst: '10.108.33.37', dport: 2222 },
    reply: { src: '172.18.131.2', sport: 2222, dst: '172.18.219.65', dport: 30832 },
    tcpState: 'ESTABLISHED',
    seenReply: false,
    assured: false,
    dstNat: true,
    status: 0x1a8,
    timeoutSeconds: 3,
    id: 0x31d87d26,
    portId: 0,
    startedAtMs: undefined,
  });
});

test('every datagram recorded on Linux 5.10, 6.1 and 6.18 decodes to one flow', () => {
  let seen = 0;
  for (const kernel of ['5.10', '6.1', '6.18']) {
    for (const { heading, datagrams } of readCaptures(`linux-${kernel}.hex`)) {
      for (const bytes of datagrams) {
        assert.equal(one(Buffer.from(bytes)).kind, 'flow', heading);
        seen++;
      }
    }
  }
  assert.ok(seen > 150, `only ${seen} datagrams`);
});

test('a DESTROY of Linux 5.10 has neither state nor timeout', () => {
  const capture = readCaptures('linux-5.10.hex')[0]!;
  const event = eventOf(Buffer.from(capture.datagrams[3]!));
  assert.deepEqual([event.type, event.tcpState, event.timeoutSeconds], ['destroy', undefined, undefined]);
});

test('IPv6 addresses are in the canonical form', () => {
  const event = eventOf(
    entryMessage({
      ...pickup,
      original: ['fd00:10:244::7', 5, 'fd00:10:96::a', 80],
      reply: ['fd00::1', 8080, '::1', 5],
    }),
  );
  assert.deepEqual(event.original, { src: 'fd00:10:244::7', sport: 5, dst: 'fd00:10:96::a', dport: 80 });
  assert.deepEqual(event.reply, { src: 'fd00::1', sport: 8080, dst: '::1', dport: 5 });
});

test('zone, port id and status bits', () => {
  assert.equal(eventOf(entryMessage({ ...pickup, zone: 7 })).zone, 7);
  assert.equal(eventOf(entryMessage({ ...pickup, tupleZone: 9 })).zone, 9);
  assert.equal(eventOf(entryMessage({ ...pickup, portId: 0xfffffff0 })).portId, 0xfffffff0);
  const { seenReply, assured, dstNat, id } = eventOf(entryMessage({ ...pickup, status: 0x18e }));
  assert.deepEqual(
    { seenReply, assured, dstNat, id },
    { seenReply: true, assured: true, dstNat: false, id: 0x89abcdef },
  );
});

test('the time of an event is the kernel’s where it sends one', () => {
  const eventTime = 1_700_000_111_222_333_444n;
  const stop = 1_700_000_000_100_000_000n;
  const start = 1_600_000_000_000_000_000n;
  const timed = eventOf(entryMessage({ ...pickup, type: 'destroy', start, stop, eventTime }));
  assert.ok(Math.abs(timed.atMs - 1_700_000_111_222.333) < 0.01, String(timed.atMs));
  assert.equal(timed.startedAtMs, 1_600_000_000_000);
  assert.equal(eventOf(entryMessage({ ...pickup, type: 'destroy', start, stop })).atMs, 1_700_000_000_100);
  assert.equal(eventOf(entryMessage({ ...pickup, start })).atMs, receivedAtMs);
});

test('several messages in one datagram come in their order', () => {
  const destroy = entryMessage({ ...pickup, type: 'destroy' });
  assert.deepEqual(
    decode(entryMessage(pickup), destroy, entryMessage(pickup)).map((m) => m.kind === 'flow' && m.event.type),
    ['new', 'destroy', 'new'],
  );
});

test('unknown attributes and messages are passed over', () => {
  const extra = Buffer.concat([attr(0x3ff, Buffer.from('?')), attr(99, Buffer.alloc(40))]);
  assert.equal(eventOf(entryMessage({ ...pickup, extra })).id, 0x89abcdef);
  assert.equal(one(netlinkMessage(0x205, 0, Buffer.alloc(4))).kind, 'other');
  assert.equal(one(netlinkMessage(0x104, 0, Buffer.alloc(4))).kind, 'other');
});

test('errors and the end of a dump', () => {
  const enoent = Buffer.alloc(20);
  enoent.writeInt32LE(-2, 0);
  assert.deepEqual(one(netlinkMessage(2, 0, enoent, 0, 77)), { kind: 'error', sequence: 77, errno: 2 });
  assert.deepEqual(one(netlinkMessage(3, 2, Buffer.alloc(4), 0, 5)), { kind: 'done', sequence: 5 });
});

const valid = entryMessage(pickup);
const patched = (change: (bytes: Buffer) => void) => {
  const bytes = Buffer.from(valid);
  change(bytes);
  return bytes;
};
const MALFORMED: readonly (readonly [string, Buffer, string])[] = [
  ['half a header', valid.subarray(0, 9), 'truncated_datagram'],
  ['a datagram cut in a message', valid.subarray(0, valid.length - 3), 'truncated_datagram'],
  ['a length below the header', patched((b) => b.writeUInt32LE(15, 0)), 'bad_message_length'],
  ['a length beyond the datagram', patched((b) => b.writeUInt32LE(0xffffffff, 0)), 'truncated_datagram'],
  ['no nfgenmsg', netlinkMessage(0x100, 0, Buffer.alloc(2)), 'short_payload'],
  ['an error without a number', netlinkMessage(2, 0, Buffer.alloc(2)), 'short_payload'],
  ['an attribute of length 0', patched((b) => b.writeUInt16LE(0, 20)), 'bad_attribute_length'],
  ['an attribute beyond its message', patched((b) => b.writeUInt16LE(0xffff, 20)), 'bad_attribute_length'],
  ['a nested one beyond its parent', patched((b) => b.writeUInt16LE(200, 24)), 'bad_attribute_length'],
  ['no tuples', netlinkMessage(0x100, 0, Buffer.alloc(4)), 'missing_tuple'],
  ['a status of two bytes', entryMessage({ ...pickup, extra: attr(3, Buffer.alloc(2)) }), 'bad_value_size'],
  ['a TCP state of the future', entryMessage({ ...pickup, state: 200 }), 'unknown_tcp_state'],
];
for (const [what, bytes, reason] of MALFORMED) {
  test(`malformed: ${what} is ${reason}`, () => {
    assert.deepEqual(decode(bytes), [{ kind: 'malformed', reason }]);
  });
}

test('a malformed message does not take the next one with it', () => {
  const broken = patched((b) => b.writeUInt16LE(0, 20));
  assert.deepEqual(
    decode(broken, valid).map((message) => message.kind),
    ['malformed', 'flow'],
  );
});

test('a decoded event keeps nothing of the receive buffer', () => {
  const bytes = Buffer.from(valid);
  const event = eventOf(bytes);
  const before = structuredClone(event);
  bytes.fill(0xff);
  assert.deepEqual(event, before);
});
