import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL, parseCommandLine, QUICK, USAGE } from '../../../bench/settings.ts';

test('without options everything is compared, at full size', () => {
  assert.deepEqual(parseCommandLine([]), {
    settings: { ...FULL, only: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'] },
  });
});

test('--quick is smaller in every number, and says that it is quick', () => {
  assert.deepEqual(parseCommandLine(['--quick', '--only', 'c']), { settings: { ...QUICK, only: ['c'] } });
  assert.ok(QUICK.quick && !FULL.quick);
  for (const name of [
    'listenerCpu',
    'machineCpu',
    'flush',
    'latency',
    'snapshot',
    'memory',
    'scale',
    'tail',
  ] as const) {
    const full = FULL[name] as Readonly<Record<string, number>>;
    for (const [key, value] of Object.entries(QUICK[name])) assert.ok(value < full[key]!, `${name}.${key}`);
  }
});

test('a full run is as large as the comparison has to be', () => {
  assert.ok(FULL.listenerCpu.connections >= 100_000 && FULL.listenerCpu.loads >= 2);
  assert.ok(FULL.machineCpu.rounds >= 8);
  assert.ok(FULL.flush.entries >= 100_000);
  assert.ok(FULL.latency.breaks >= 200);
  assert.equal(FULL.snapshot.entries, 250_000);
  assert.ok(FULL.snapshot.rounds >= 8 && FULL.snapshot.processes >= 3);
  assert.equal(FULL.memory.entries, 250_000);
  assert.equal(FULL.memory.manyEntries, 1_000_000);
  assert.equal(FULL.memory.snapshots, 5);
  assert.equal(FULL.scale.services, 1_000);
  assert.equal(FULL.scale.manyServices, 10_000);
  assert.ok(FULL.scale.changes >= 2_000 && FULL.scale.rounds >= 2);
});

test('--only takes letters in any order, and each once', () => {
  const line = parseCommandLine(['--only', 'd,a,d']);
  assert.deepEqual('settings' in line && line.settings.only, ['a', 'd']);
});

for (const [args, problem] of [
  [['--only', 'a,x'], '--only a,x: there is no comparison "x", only a, b, c, d, e, f, g, h, i, j'],
  [['--only', ''], '--only : there is no comparison "", only a, b, c, d, e, f, g, h, i, j'],
  [['--fast'], /--fast/],
  [['all'], /all/],
] as const) {
  test(`refused: ${args.join(' ')}`, () => {
    const line = parseCommandLine(args);
    assert.ok('problem' in line);
    if (typeof problem === 'string') assert.equal(line.problem, problem);
    else assert.match(line.problem, problem);
  });
}

test('--help explains each comparison', () => {
  assert.deepEqual(parseCommandLine(['--quick', '--help']), { help: USAGE });
  for (const letter of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'])
    assert.match(USAGE, new RegExp(`^ +${letter}  \\w`, 'm'));
});
