/** docs/tutorial.md: every command in it is run, in its order, and shows what the page says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { skip } from '../support/cluster.ts';

const TOP = join(import.meta.dirname, '../..');
const PROMPT = 'lab# ';

interface Step {
  readonly command: string;
  /** Lines of its output; what an application does at once can come in any order. */
  readonly shown: readonly string[];
}

/** The lines of all blocks of code; the first one is what opens the lab. */
function readTutorial(): { readonly opening: string; readonly steps: readonly Step[] } {
  const page = readFileSync(join(TOP, 'docs/tutorial.md'), 'utf8');
  const [opening = '', ...lines] = page
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4));
  const steps: { command: string; shown: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith(PROMPT)) steps.push({ command: line.slice(PROMPT.length), shown: [] });
    else steps.at(-1)!.shown.push(line);
  }
  return { opening, steps };
}

/** Numbers differ from run to run, and so does what stands at `…`. */
function fits(pattern: string, line: string): boolean {
  const escaped = pattern
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\d+/g, '\\d+')
    .replaceAll(/\s+/g, '\\s+')
    .replaceAll(/(?:\\s\+)?…(?:\\s\+)?/g, '.*');
  return new RegExp(`^\\s*${escaped}\\s*$`).test(line);
}

/** Runs the commands one after another in the lab's shell; returns what each printed. */
async function run(opening: string, commands: readonly string[]): Promise<readonly string[][]> {
  const [program = '', ...args] = opening.split(' ');
  const child = spawn(program, args, {
    cwd: TOP,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  const output = text(child.stdout);
  const ended = once(child, 'exit');
  child.stdin.end(`exec 2>&1\n${commands.map((command, i) => `echo @@${i}\n${command}\n`).join('')}`);
  const [status] = await ended;
  assert.equal(status, 0, await output);
  const [, ...parts] = (await output).split(/^@@\d+\n/m);
  return parts.map((part) => part.split('\n'));
}

test('every command of the tutorial shows what the page says', { skip }, async () => {
  const { opening, steps } = readTutorial();
  assert.equal(opening, 'npm run lab');
  assert.ok(steps.length > 10, `${steps.length} commands`);
  const printed = await run(
    opening,
    steps.map(({ command }) => command),
  );
  assert.equal(printed.length, steps.length);
  for (const [i, { command, shown }] of steps.entries()) {
    const lines = printed[i]!;
    for (const line of shown) {
      const isThere = lines.some((each) => fits(line, each));
      assert.ok(isThere, `${command}\ndoes not show\n  ${line}\nbut\n${lines.join('\n')}`);
    }
  }
  const fixed = printed[steps.findIndex(({ command }) => command === 'app keepalive 1') + 1]!;
  assert.doesNotMatch(fixed.join('\n'), /reset by peer/);
  assert.doesNotMatch(printed.at(-2)!.join('\n'), /reset by peer/);
});
