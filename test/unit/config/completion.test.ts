/** The completion as the shells themselves have it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { COMMAND_NAMES } from '../../../src/config/commands.ts';
import { completion } from '../../../src/config/completion.ts';
import { OPTIONS } from '../../../src/config/options.ts';

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;
const needs = (shell: string) =>
  ({ skip: has(shell) || process.env['CI'] === 'true' ? false : `there is no ${shell}` }) as const;

function scriptOf(t: TestContext, shell: 'bash' | 'zsh'): string {
  const folder = mkdtempSync(join(tmpdir(), 'completion-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, shell);
  writeFileSync(file, completion(shell));
  return file;
}

/** What bash offers for the last of these words, split as readline does it. */
function bashOffers(file: string, words: readonly string[]): string[] {
  const script = `source "$1"; shift; compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _conntrack_watchdog; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const all = ['-c', script, 'bash', file, 'conntrack-watchdog', ...words];
  const { status, stdout, stderr } = spawnSync('bash', all, { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash: commands, the options of each, and the values of closed lists', needs('bash'), (t) => {
  const file = scriptOf(t, 'bash');
  assert.deepEqual(bashOffers(file, ['']), [...COMMAND_NAMES, '--help', '--version']);
  assert.deepEqual(bashOffers(file, ['do']), ['doctor']);
  for (const name of COMMAND_NAMES) {
    const rows = Object.values(OPTIONS).filter(({ commands }) => commands.some((each) => each === name));
    const flags = rows.map(({ flag }) => flag);
    assert.deepEqual(bashOffers(file, [name, '--']), [...flags, '--help'], name);
  }
  assert.deepEqual(bashOffers(file, ['agent', '--topology', '']), ['kubernetes', 'none', 'file:']);
  assert.deepEqual(bashOffers(file, ['agent', '--log-level', '=', 'd']), ['debug']);
  assert.deepEqual(bashOffers(file, ['demo', '--rules', '=']), ['iptables', 'nftables']);
  // An option may take another value elsewhere, or none.
  assert.deepEqual(bashOffers(file, ['replay', '--topology', '']), ['none', 'file:']);
  assert.deepEqual(bashOffers(file, ['agent', '--protect', '']), ['off', 'renew']);
  assert.deepEqual(bashOffers(file, ['audit', '--protect', '=', '']), ['auto', 'off', 'renew']);
  assert.deepEqual(bashOffers(file, ['demo', '--protect', '--r']), ['--rules']);
  assert.deepEqual(bashOffers(file, ['completion', 'z']), ['zsh']);
  assert.deepEqual(bashOffers(file, ['audit', '--limit', '']), []);
});

test(
  'zsh: it is loaded without a word, and completes values, one with a colon among its choices too',
  needs('zsh'),
  (t) => {
    const file = scriptOf(t, 'zsh');
    assert.equal(spawnSync('zsh', ['-n', file]).status, 0);
    // An interactive zsh in a pseudo-terminal; each read waits for what it is to show.
    const script = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'autoload -U compinit; compinit -D -u; source ${file}; print READY-$((1+1))'
zpty -r z out '*READY-2*'
zpty -w -n z $'conntrack-watchdog agent --log-level=de\\t'
zpty -r z out '*--log-level=debug*'
zpty -w -n z $' --topology=kub\\t'
zpty -r z out '*--topology=kubernetes*'
print -r -- done
zpty -d z`;
    const { stdout, stderr, error } = spawnSync('zsh', ['-f', '-c', script], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(error, undefined, stderr);
    assert.equal(stdout, 'done\n');
  },
);

test('a shell that there is none for is refused', () => {
  assert.throws(
    () => completion('fish'),
    /^UsageError: completion: "fish": unknown; allowed is bash or zsh$/,
  );
  assert.throws(() => completion('toString'), /unknown/);
});
