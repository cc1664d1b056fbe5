import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter, TOO_LONG } from '../../../src/enrich/line-splitter.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('lines are the same wherever the stream is cut', () => {
  const text = 'a\n\n{"x":"é☕𝔎"}\r\n \nlast\nunfinished';
  const whole = bytes(text);
  for (let size = 1; size <= whole.length; size++) {
    const splitter = new LineSplitter(1000);
    const lines: unknown[] = [];
    for (let at = 0; at < whole.length; at += size) lines.push(...splitter.push(whole.slice(at, at + size)));
    assert.deepEqual(lines, ['a', '{"x":"é☕𝔎"}\r', 'last'], `${size} bytes at a time`);
  }
});

test('a line that is too long is passed over, the next one is read', () => {
  for (const size of [1, 3, 100]) {
    const splitter = new LineSplitter(5);
    const lines: unknown[] = [];
    const whole = bytes('12345\n123456\n1\n1234567890\n2\n');
    for (let at = 0; at < whole.length; at += size) lines.push(...splitter.push(whole.slice(at, at + size)));
    assert.deepEqual(lines, ['12345', TOO_LONG, '1', TOO_LONG, '2']);
  }
});
