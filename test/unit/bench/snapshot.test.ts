import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { entryClients } from '../../../bench/entries.ts';
import { startPauseProbe } from '../../../bench/pause-probe.ts';
import { parseListing } from '../../../bench/snapshot-cpu.ts';
import { raiseTableLimit } from '../../../bench/table-limit.ts';

for (const entries of [10, 250_000, 1_000_000]) {
  test(`${entries} entries have as many clients, with ports they can have`, () => {
    const clientOf = entryClients(entries);
    const seen = new Set<string>();
    for (let i = 0; i < entries; i++) {
      const { ip, port } = clientOf(i);
      if (port < 1024 || port > 65_535) assert.fail(`${ip}:${port}`);
      seen.add(`${ip}:${port}`);
    }
    assert.equal(seen.size, entries);
  });
}

test('more entries than there are clients are refused', () => {
  assert.throws(() => entryClients(20_000_000), RangeError);
});

test('what conntrack -L and the shell say of a listing', () => {
  const said =
    'conntrack v1.4.7 (conntrack-tools): 250000 flow entries have been shown.\ncpu 1.064 0.432 wall 1.497\n';
  const { shown, cpuMs, wallMs } = parseListing(said);
  assert.deepEqual([shown, Math.round(cpuMs), Math.round(wallMs)], [250_000, 1496, 1497]);
  assert.ok(Number.isNaN(parseListing('Killed\ncpu 0.1 0.1 wall 0.2\n').shown));
});

test('the probe sees how long the event loop was kept, and forgets it with each lap', async () => {
  const probe = startPauseProbe();
  try {
    await setTimeout(20);
    probe.lap();
    // By the thread's own time: others may take the CPU from it for as long as they like.
    const workedMs = () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    const until = workedMs() + 60;
    while (workedMs() < until);
    await setTimeout(5);
    const { wallMs, cpuMs, longestWorkMs } = probe.lap();
    assert.ok(longestWorkMs >= cpuMs && longestWorkMs > 20, `${longestWorkMs}`);
    assert.ok(wallMs >= 59, `${wallMs}`);
    assert.ok(cpuMs > 0 && cpuMs <= wallMs + 5, `${cpuMs}`);
    assert.equal(probe.lap().wallMs, 0);
  } finally {
    probe.stop();
  }
});

test('the limit of the table is raised, not lowered, and given back', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-limit-'));
  try {
    const path = join(folder, 'nf_conntrack_max');
    writeFileSync(path, '262144\n');
    raiseTableLimit(60_000, path).restore();
    assert.equal(readFileSync(path, 'utf8'), '262144\n');
    const limit = raiseTableLimit(1_200_000, path);
    assert.equal(readFileSync(path, 'utf8'), '1200000');
    limit.restore();
    assert.equal(readFileSync(path, 'utf8'), '262144');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
