import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOwnHost } from '../../../../src/report/status/host-check.ts';

const NODE = 'node-1.example';

for (const host of [
  '127.0.0.1:9470',
  '127.0.0.1',
  'localhost:12345',
  'LocalHost',
  '[::1]:9470',
  '[2001:db8::1]',
  '192.168.1.5:9470',
  'node-1.example:9470',
  'NODE-1.example',
]) {
  test(`${host} is served: no foreign page can be at it`, () => assert.equal(isOwnHost(host, NODE), true));
}

for (const host of [
  undefined,
  '',
  'evil.example:9470',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'xlocalhost',
  'node-1',
  '[::1].evil.example',
  '[evil.example]',
  '::1',
  '127.0.0.1:9470:80',
  'localhost:9470@evil.example',
  '127.1',
]) {
  test(`${host} is not served: its name could be made to point here`, () =>
    assert.equal(isOwnHost(host, NODE), false));
}
