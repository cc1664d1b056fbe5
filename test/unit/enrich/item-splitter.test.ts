import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ITEM, ItemSplitter } from '../../../src/enrich/item-splitter.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** The items and the rest, with the text cut into pieces of this many bytes. */
function split(text: string, size: number) {
  const whole = bytes(text);
  const splitter = new ItemSplitter();
  const items: string[] = [];
  for (let at = 0; at < whole.length; at += size) items.push(...splitter.push(whole.slice(at, at + size)));
  return { items, rest: splitter.rest() };
}

describe('ItemSplitter', () => {
  test('items are the same wherever the stream is cut; the rest says where they were', () => {
    const items = ['{"a":{"b":[1,{"c":"}]\\"\\\\"}]}}', '{}', '{"é☕":"𝔎, {"}'];
    const text = `{"kind":"PodList é","metadata":{"continue":"x","list":[{"items":[{}]}]},\n"items" : [${items.join(',\n ')}] }\n`;
    for (let size = 1; size <= bytes(text).length; size++) {
      const found = split(text, size);
      assert.deepEqual(found.items, items, `${size} bytes at a time`);
      assert.deepEqual(JSON.parse(found.rest), {
        kind: 'PodList é',
        metadata: { continue: 'x', list: [{ items: [{}] }] },
        items: items.map(() => ITEM),
      });
    }
  });

  const NONE = [
    '',
    '[]',
    '[{"a":1}]',
    '{"items":{"a":[{}]}}',
    '{"more":[{}]}',
    '{"a":{"items":[{}]}}',
    '<p>',
  ];
  for (const text of NONE) {
    test(`no items: ${text === '' ? 'nothing' : text}`, () => {
      for (const size of [1, 100]) assert.deepEqual(split(text, size), { items: [], rest: text });
    });
  }

  test('what is no object within the items stays where it was', () => {
    const { items, rest } = split('{"items":[null,{"a":1},[{}],5,"{}"],"z":1}', 3);
    assert.deepEqual(items, ['{"a":1}']);
    assert.deepEqual(JSON.parse(rest), { items: [null, ITEM, [{}], 5, '{}'], z: 1 });
  });

  test('a list that ends in the middle is not valid any more', () => {
    const text = '{"items":[{"a":1},{"b":2}]}';
    for (let length = 0; length < text.length; length++) {
      assert.throws(
        () => JSON.parse(split(text.slice(0, length), 5).rest),
        SyntaxError,
        text.slice(0, length),
      );
    }
  });

  test('any list is the same as when it is parsed at once', () => {
    const item = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(item), fc.jsonValue(), fc.integer({ min: 1, max: 50 }), (all, metadata, size) => {
        const { items, rest } = split(JSON.stringify({ metadata, items: all, more: [all] }), size);
        assert.deepEqual(
          items,
          all.map((each) => JSON.stringify(each)),
        );
        const expected = JSON.stringify({ metadata, items: all.map(() => ITEM), more: [all] });
        assert.equal(rest, expected);
      }),
    );
  });

  test('whatever comes, it does not throw', () => {
    fc.assert(fc.property(fc.uint8Array(), (chunk) => void [...new ItemSplitter().push(chunk)]));
    const letter = fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', '"items":', 'x');
    fc.assert(fc.property(fc.array(letter), fc.nat(9), (text, size) => void split(text.join(''), size + 1)));
  });
});
