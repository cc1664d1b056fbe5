import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipBytes, ipv4Text, ipv6Text } from '../../../src/lib/ip-text.ts';

// RFC 5952, sections 4 and 5.
const CANONICAL = [
  ['20010db8000000000000000000000001', '2001:db8::1'],
  ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['00000000000000000000000000000000', '::'],
  ['00000000000000000000000000000001', '::1'],
  ['fe800000000000000000000000000000', 'fe80::'],
  ['00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
  ['00010000000000020000000000000003', '1:0:0:2::3'],
] as const;

test('IPv6 text is canonical (RFC 5952), and reads back', () => {
  for (const [hex, text] of CANONICAL) {
    assert.equal(ipv6Text(Buffer.from(hex, 'hex'), 0), text);
    assert.equal(Buffer.from(ipBytes(text)).toString('hex'), hex);
  }
});

test('any address survives the way to text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual([...ipBytes(ipv6Text(bytes, 0))], [...bytes]);
      assert.deepEqual([...ipBytes(ipv4Text(bytes, 3))], [...bytes.subarray(3, 7)]);
    }),
  );
});

test('what is no address is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'g::',
    '12345::',
    '1:2:3:4:5:6:7::8',
  ]) {
    assert.throws(() => ipBytes(text), RangeError, text);
  }
});
