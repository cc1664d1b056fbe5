import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assemble,
  findAttribute,
  give,
  ifEqual,
  ifNotEqual,
  jump,
  label,
  loadByte,
} from '../../../src/kernel/bpf.ts';

const words = (program: Uint8Array) =>
  Array.from({ length: program.length / 8 }, (_, i) =>
    Buffer.from(program).toString('hex', i * 8, i * 8 + 8),
  );

test('instructions are struct sock_filter, with jumps counted from the next one', () => {
  const program = assemble([
    loadByte(5),
    ifNotEqual(1, 'drop'),
    ifEqual(7, 'pass'),
    jump('drop'),
    label('pass'),
    give(0xffffffff),
    label('drop'),
    give(0),
  ]);
  assert.deepEqual(words(program), [
    '3000000005000000', // ldb [5]
    '1500000301000000', // jeq #1, next, drop
    '1500010007000000', // jeq #7, pass, next
    '0500000001000000', // ja drop
    '06000000ffffffff', // ret #-1
    '0600000000000000', // ret #0
  ]);
});

test('an attribute is found by the ancillary load at SKF_AD_OFF + SKF_AD_NLATTR', () => {
  assert.deepEqual(words(assemble([findAttribute(4, 20)])), [
    '0000000014000000', // ld #20
    '0100000004000000', // ldx #4
    '200000000cf0ffff', // ld [0xfffff00c]
  ]);
});

test('a program that cannot be right is refused', () => {
  assert.throws(() => assemble([ifEqual(1, 'nowhere'), give(0)]), /no label nowhere/);
  assert.throws(() => assemble([label('x'), give(0), label('x')]), /stands twice/);
  assert.throws(() => assemble([label('back'), loadByte(0), jump('back')]), /-2 instructions away/);
  const far = [ifEqual(1, 'end'), ...Array.from({ length: 256 }, () => loadByte(0)), label('end'), give(0)];
  assert.throws(() => assemble(far), /256 instructions away/);
});
