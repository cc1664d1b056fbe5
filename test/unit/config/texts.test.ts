import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatByteSize, parseByteSize } from '../../../src/lib/byte-size.ts';
import { closestWord } from '../../../src/lib/closest-word.ts';
import { formatDuration, parseDuration } from '../../../src/lib/duration.ts';
import { humanDuration } from '../../../src/lib/human-duration.ts';
import { formatListenAddress, parseListenAddress } from '../../../src/lib/listen-address.ts';
import { wrapText } from '../../../src/lib/wrap-text.ts';

test('durations are read, and written back in the largest unit that fits', () => {
  const rows = [
    ['500ms', 500, '500ms'],
    ['2s', 2000, '2s'],
    ['120s', 120_000, '2m'],
    ['90s', 90_000, '90s'],
    ['24h', 86_400_000, '1d'],
    ['7d', 604_800_000, '7d'],
    ['0s', 0, '0ms'],
  ] as const;
  for (const [text, milliseconds, back] of rows) {
    assert.equal(parseDuration(text), milliseconds);
    assert.equal(formatDuration(milliseconds), back);
  }
});

test('sizes are read, and written back in the largest unit that fits', () => {
  const rows = [
    ['256Ki', 262_144, '256Ki'],
    ['1024Ki', 1_048_576, '1Mi'],
    ['1Gi', 1_073_741_824, '1Gi'],
    ['1000', 1000, '1000'],
    ['0', 0, '0'],
  ] as const;
  for (const [text, bytes, back] of rows) {
    assert.equal(parseByteSize(text), bytes);
    assert.equal(formatByteSize(bytes), back);
  }
  assert.equal(parseByteSize('999999999999999Gi'), undefined, 'not a safe integer');
});

test('listen addresses are read and written back', () => {
  for (const text of ['0.0.0.0:9469', '[::1]:0', '[2001:db8::1]:80', ':9469']) {
    assert.equal(formatListenAddress(parseListenAddress(text)!), text);
  }
  assert.deepEqual(parseListenAddress(':9469'), { host: '', port: 9469 });
});

test('spans of time for people', () => {
  const rows = [
    [0, '0 s'],
    [-1, '0 s'],
    [0.04, '0 s'],
    [1.25, '1.3 s'],
    [3, '3 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [61, '1 min 1 s'],
    [900, '15 min'],
    [7500, '2 h 5 min'],
    [86_400, '1 d'],
    [86_400 + 60, '1 d'],
    [432_000 + 7200, '5 d 2 h'],
  ] as const;
  for (const [seconds, text] of rows) assert.equal(humanDuration(seconds), text);
});

test('the closest word is one a slip away, or none', () => {
  const words = ['--listen', '--log-level', '--proc'];
  const rows = [
    ['--lisen', '--listen'],
    ['--lsiten', '--listen'],
    ['--loglevel', '--log-level'],
    ['--prok', '--proc'],
    ['--kubeconfig', undefined],
    ['', undefined],
    ['-'.repeat(100_000), undefined],
  ] as const;
  for (const [word, closest] of rows) assert.equal(closestWord(word, words), closest);
});

test('text is broken at spaces only', () => {
  assert.deepEqual(wrapText('aa bb cc', 5), ['aa bb', 'cc']);
  assert.deepEqual(wrapText('aaaaaaaa b', 5), ['aaaaaaaa', 'b']);
});
