import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND_NAMES, COMMANDS } from '../../../src/config/commands.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { parseCommandLine } from '../../../src/config/parse.ts';

const environment = { env: {}, hostName: 'node-1' };
const parse = (...argv: string[]) => parseCommandLine(argv, environment);

function help(...argv: string[]): string {
  const result = parse(...argv);
  assert.ok('help' in result);
  return result.help;
}

test('the general help names every command', () => {
  const text = help('--help');
  assert.equal(help('-h'), text);
  for (const name of COMMAND_NAMES) assert.match(text, new RegExp(`^ {2}${name} `, 'm'));
});

for (const command of COMMAND_NAMES) {
  test(`the help of ${command} lists its options with defaults, and no others`, () => {
    const text = help(command, '--help');
    assert.equal(help(command, '-h'), text);
    const listed = [...text.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag);
    const rows = Object.values(OPTIONS).filter(({ commands }) => commands.some((name) => name === command));
    assert.deepEqual(
      listed,
      rows.map(({ flag }) => flag),
    );
    const flat = text.replace(/\s+/g, ' ');
    for (const { defaultText } of rows) assert.ok(flat.includes(`(default: ${defaultText})`), defaultText);
  });

  test(`the help of ${command} fits 100 columns and its examples are valid`, () => {
    for (const text of [help('--help'), help(command, '--help')]) {
      for (const line of text.split('\n')) {
        assert.ok(line.length <= 100, line);
        assert.equal(line, line.trimEnd());
      }
    }
    for (const { line } of COMMANDS[command].examples) {
      const result = parse(...line.split(' '));
      assert.ok('command' in result && result.command === command);
    }
  });
}

test('a switch that may have its word says so', () => {
  assert.match(help('demo', '--help'), /^ {2}--protect\[=renew\] /m);
  assert.match(help('audit', '--help'), /^ {2}--protect MODE /m);
});

test('help COMMAND is the help of the command', () => {
  assert.equal(help('help'), help('--help'));
  assert.equal(help('help', 'audit'), help('audit', '--help'));
});

test('help is given even if the rest of the line is wrong', () => {
  assert.equal(help('agent', '--bogus', '--help'), help('agent', '--help'));
  assert.equal(help('agent', '--listen', '-h'), help('agent', '--help'));
});

test('--version asks for the version', () => {
  assert.deepEqual(parse('--version'), { version: true });
});
