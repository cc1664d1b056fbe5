import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getEntryRequest } from '../../../src/kernel/requests.ts';
import { attr, nest, netlinkMessage } from '../../support/packets.ts';

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
