import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKernel, kernelVersion } from '../../../src/doctor/kernel-version.ts';

const linux = (release: string) => checkKernel({ platform: 'linux', endianness: 'LE', release });

test('versions are read from what distributions make of them', () => {
  assert.deepEqual(kernelVersion('6.1.0-42-amd64'), [6, 1]);
  assert.deepEqual(kernelVersion('5.10.0'), [5, 10]);
  assert.deepEqual(kernelVersion('4.18.0-553.el8_10.x86_64'), [4, 18]);
  assert.deepEqual(kernelVersion('6.18-rc1'), [6, 18]);
  assert.equal(kernelVersion('custom'), undefined);
});

test('before 5.11 it warns; what events carry is said of each version', () => {
  const rows = [
    ['4.18.0-553', 'WARN', /carry neither.*is 1 unless.*no times of their own/],
    ['5.10.0-30', 'WARN', /carry neither.*is 1 unless.*no times of their own/],
    ['5.11.0', 'OK', /carry state and remaining.*is 1 unless.*no times of their own/],
    ['5.19.0', 'OK', /carry state.*is 2 unless.*no times of their own/],
    ['6.13.9', 'OK', /is 2 unless.*no times of their own/],
    ['6.14.0', 'OK', /is 2 unless.*have times of their own if nf_conntrack_timestamp is 1/],
    ['10.0.0', 'OK', /carry state.*is 2 unless.*have times of their own if/],
  ] as const;
  for (const [release, status, seen] of rows) {
    const result = linux(release);
    assert.equal(result.status, status, release);
    assert.match(result.seen, seen);
    assert.equal(result.fix !== undefined, status !== 'OK');
  }
});

test('a version that makes no sense is a warning, another system a failure', () => {
  assert.equal(linux('custom').status, 'WARN');
  assert.equal(checkKernel({ platform: 'darwin', endianness: 'LE', release: '24.0' }).status, 'FAIL');
  const big = checkKernel({ platform: 'linux', endianness: 'BE', release: '6.1.0' });
  assert.equal(big.status, 'FAIL');
  assert.match(big.seen, /little-endian/);
});
