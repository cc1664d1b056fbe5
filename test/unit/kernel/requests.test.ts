import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ENTRY_REQUEST_BYTES, getEntryRequest, putEntryRequest } from '../../../src/kernel/requests.ts';
import { messagesOf, netfilterBody, tupleOf } from '../../support/netlink-messages.ts';
import { address, attr, nest, netlinkMessage } from '../../support/packets.ts';

test('a GET of one entry is IPCTNL_MSG_CT_GET with the original tuple and no dump flag', () => {
  const tuple = { src: '10.0.0.1', sport: 40000, dst: '10.96.0.1', dport: 80 };
  const ip = nest(
    1,
    Buffer.concat([attr(1, Buffer.from([10, 0, 0, 1])), attr(2, Buffer.from([10, 96, 0, 1]))]),
  );
  const proto = nest(
    2,
    Buffer.concat([
      attr(1, Buffer.from([6])),
      attr(2, Buffer.from([0x9c, 0x40])),
      attr(3, Buffer.from([0, 80])),
    ]),
  );
  const body = Buffer.concat([Buffer.from([2, 0, 0, 0]), nest(1, Buffer.concat([ip, proto]))]);
  assert.deepEqual(Buffer.from(getEntryRequest(77, 0, tuple)), netlinkMessage(0x101, 0x1, body, 0, 77));
  const inZone = Buffer.concat([body, attr(18, Buffer.from([0, 9]))]);
  assert.deepEqual(Buffer.from(getEntryRequest(77, 9, tuple)), netlinkMessage(0x101, 0x1, inZone, 0, 77));
});

test('an IPv6 tuple goes out as AF_INET6', () => {
  const request = getEntryRequest(1, 0, { src: 'fd00::1', sport: 1, dst: 'fd00::2', dport: 2 });
  assert.equal(request[16], 10);
  assert.equal(request.length, new DataView(request.buffer, request.byteOffset).getUint32(0, true));
});

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [...bytes].join('.'));
const ipv6 = fc
  .tuple(
    fc.integer({ min: 1, max: 0xffff }),
    fc.integer({ min: 1, max: 0xffff }),
    fc.integer({ min: 1, max: 0xffff }),
  )
  .map(([a, b, c]) => `${a.toString(16)}:${b.toString(16)}::${c.toString(16)}`);
const port = fc.nat(0xffff);

test('written into a buffer, many one after another, it is the same question, byte for byte', () => {
  const asked = fc.oneof(fc.tuple(ipv4, ipv4, port, port, port), fc.tuple(ipv6, ipv6, port, port, port));
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 5 }), (all) => {
      // What was there before must not matter, nor what is behind.
      const bytes = new Uint8Array(8 + all.length * ENTRY_REQUEST_BYTES + 8).fill(0xff);
      let end = 8;
      for (const [i, [src, dst, sport, dport, zone]] of all.entries()) {
        const words = new Uint32Array(8).fill(0xdead_beef);
        for (const [which, ip] of [src, dst].entries()) {
          const raw = address(ip);
          for (let k = 0; k < raw.length / 4; k++) words[which * 4 + k] = raw.readUInt32BE(k * 4);
        }
        end = putEntryRequest(bytes, end, i + 1, { v6: src.includes(':'), words, sport, dport, zone });
      }
      const wanted = all.map(([src, dst, sport, dport, zone], i) =>
        getEntryRequest(i + 1, zone, { src, sport, dst, dport }),
      );
      assert.deepEqual(Buffer.from(bytes.subarray(8, end)), Buffer.concat(wanted));
      assert.ok(end <= 8 + all.length * ENTRY_REQUEST_BYTES);
      assert.ok(
        bytes.subarray(end).every((byte) => byte === 0xff),
        'nothing beyond',
      );
    }),
    { numRuns: 300 },
  );
});

test('what is asked for is read back as it was meant', () => {
  const words = Uint32Array.of(0x0af4_0107, 0, 0, 0, 0x0a60_000a, 0, 0, 0);
  const bytes = Buffer.alloc(ENTRY_REQUEST_BYTES);
  const end = putEntryRequest(bytes, 0, 64, { v6: false, words, sport: 40_001, dport: 6379, zone: 9 });
  const [message, ...more] = messagesOf(bytes.subarray(0, end));
  const { type, flags, sequence, portId, body } = message!;
  assert.deepEqual([type, flags, sequence, portId, more], [0x101, 1, 64, 0, []]);
  const { family, version, resource, attributes } = netfilterBody(body);
  assert.deepEqual([family, version, resource], [2, 0, 0]);
  assert.deepEqual(
    attributes.map((each) => each.type),
    [1, 18],
  );
  assert.deepEqual(tupleOf(attributes[0]!.value), {
    ...{ src: '10.244.1.7', sport: 40_001, dst: '10.96.0.10', dport: 6379, protocol: 6, zone: undefined },
  });
  assert.deepEqual(attributes[1]!.value, Buffer.from([0, 9]));
});
