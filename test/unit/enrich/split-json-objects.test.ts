import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitJsonObjects } from '../../../src/lib/split-json-objects.ts';

test('objects one after the other are split, whatever their strings hold', () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
      fc.constantFrom('', '\n', ' \r\n\t'),
      (objects, space) => {
        const texts = objects.map((object, at) => JSON.stringify(object, null, at % 3));
        assert.deepEqual(splitJsonObjects(space + texts.join(space) + space), texts);
      },
    ),
  );
});

test('a text that is not only objects, or ends inside one, is not split', () => {
  for (const text of ['{} x', '{},{}', '[{}]', '{}\n---\n{}', '{"a":{}', '{"a', '{"a\\"}', '{"\\']) {
    assert.equal(splitJsonObjects(text), undefined, text);
  }
});
