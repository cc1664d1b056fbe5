import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../../src/lib/line-splitter.ts';

const MAX = 8;

/** What the splitter tells of these bytes, given in these pieces; too long lines as `!` and their beginning. */
function split(chunks: readonly string[]): string[] {
  const told: string[] = [];
  const splitter = new LineSplitter(MAX, {
    line: (bytes, from, to, isLast) =>
      told.push(`${Buffer.from(bytes.subarray(from, to)).toString('latin1')}${isLast ? '$' : ''}`),
    tooLong: (beginning) => told.push(`!${Buffer.from(beginning).toString('latin1')}`),
  });
  for (const chunk of chunks) splitter.push(Buffer.from(chunk, 'latin1'));
  splitter.end();
  return told;
}

test('lines are cut at line feeds, and the last needs none', () => {
  assert.deepEqual(split(['a\nb\r\n\nc']), ['a', 'b\r', '', 'c$']);
  assert.deepEqual(split(['a\n']), ['a']);
  assert.deepEqual(split(['']), []);
  assert.deepEqual(split([]), []);
});

test('a line longer than the limit is told once, by its beginning, and the next is whole', () => {
  assert.deepEqual(split(['12345678\n123456789\nok\n']), ['12345678', '!12345678', 'ok']);
  assert.deepEqual(split(['1234', '5678', '9', 'more', '\nok\n']), ['!12345678', 'ok']);
  assert.deepEqual(split(['123456789']), ['!12345678']);
});

test('the same comes of the same bytes in whatever pieces', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(piece), (chunks) => {
      assert.deepEqual(split(chunks), split([chunks.join('')]));
    }),
  );
});

test('what it keeps of an endless line does not grow, and its length is known', () => {
  const splitter = new LineSplitter(MAX, { line: () => assert.fail(), tooLong: () => assert.fail() });
  for (let i = 0; i < 1000; i++) splitter.push(Buffer.alloc(1000, 0x61));
  assert.equal(splitter.openLength, 1_000_000);
});
