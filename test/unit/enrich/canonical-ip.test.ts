import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalIp } from '../../../src/lib/canonical-ip.ts';
import { isLoopback } from '../../../src/lib/is-loopback.ts';

const FORMS: readonly [string, string | undefined][] = [
  ['10.244.0.7', '10.244.0.7'],
  ['010.000.001.009', '10.0.1.9'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8::0001', '2001:db8::1'],
  ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
  ['2001:0:0:1:0:0:1:1', '2001::1:0:0:1:1'], // two runs as long: the first
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // one group is no run
  ['0:0:0:0:0:0:0:0', '::'],
  ['fd00::', 'fd00::'],
  ['::ffff:0a00:0001', '::ffff:10.0.0.1'],
  ['::FFFF:10.0.0.1', '::ffff:10.0.0.1'],
  ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
  ['fe80::1%eth0', undefined],
  ['10.0.0.256', undefined],
  ['10.0.0', undefined],
  ['1::2::3', undefined],
  ['[::1]', undefined],
  [' 10.0.0.1', undefined],
  ['None', undefined],
  ['', undefined],
];

test('an address has one text form', () => {
  for (const [text, canonical] of FORMS) assert.equal(canonicalIp(text), canonical, text);
});

test('IPv6 agrees with the URL parser of the platform, and is stable', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const canonical = canonicalIp(text);
      assert.ok(canonical);
      assert.equal(canonicalIp(canonical), canonical);
      if (!canonical.includes('.')) assert.equal(`[${canonical}]`, new URL(`http://[${text}]`).hostname);
    }),
  );
});

test('loopback addresses', () => {
  for (const ip of ['127.0.0.1', '127.9.9.9', '::1']) assert.equal(isLoopback(ip), true, ip);
  for (const ip of ['128.0.0.1', '10.127.0.1', '::', '::2']) assert.equal(isLoopback(ip), false, ip);
});
