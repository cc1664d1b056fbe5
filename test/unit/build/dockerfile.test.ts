/** No image is built where the tests run: what can be known of it without is read from the Dockerfile. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENTRY_POINTS } from '../../../build/bundle.ts';
import { NODE_OPTIONS } from '../../../src/lab/agent-process.ts';

const TOP = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(TOP, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Comments gone, continued lines joined. */
const instructions: readonly Instruction[] = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ({ name: line.split(' ', 1)[0]!, text: line.slice(line.indexOf(' ') + 1) }));

const last = instructions.findLastIndex(({ name }) => name === 'FROM');
const buildStage = instructions.slice(0, last);
const finalStage = instructions.slice(last);
const texts = (name: string, among = instructions) =>
  among.filter((each) => each.name === name).map(({ text }) => text);

test('two stages of the official image, of the Node.js that the tests run on', () => {
  assert.deepEqual(texts('FROM'), [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own
    '--platform=$BUILDPLATFORM node:${NODE_VERSION}-bookworm AS build',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own
    'node:${NODE_VERSION}-bookworm-slim',
  ]);
  const major = manifest.dependencies.node.split('.')[0];
  assert.equal(texts('ARG')[0], `NODE_VERSION=${major}`);
  assert.equal(process.versions.node.split('.')[0], major);
});

test('every RUN is a plain command that a script of this repository runs too', () => {
  const setup = read('scripts/setup');
  const commands = texts('RUN');
  assert.deepEqual(texts('RUN', finalStage), []);
  assert.ok(commands.length > 0);
  for (const command of commands) {
    assert.doesNotMatch(command, /[|&;<>$`]/, command);
    const script = /^npm run (\S+)$/.exec(command)?.[1];
    if (script === undefined) assert.match(setup, new RegExp(`^ *${command} `, 'm'), command);
    else assert.ok(manifest.scripts[script], command);
  }
  assert.match(commands[0]!, /^npm ci /);
});

test('the stamp that it copies is the one scripts/setup looks for', () => {
  assert.ok(texts('COPY').includes('package-lock.json node_modules/.installed-lock'));
  assert.match(read('scripts/setup'), /^stamp=node_modules\/\.installed-lock$/m);
});

test('it starts what the build makes, as scripts/environment has it start', () => {
  const [node, ...rest] = JSON.parse(texts('ENTRYPOINT')[0]!);
  const [target] = texts('COPY', finalStage).map((text) => text.split(' ').at(-1));
  assert.deepEqual([node, rest.at(-1)], ['node', `${target}/main.js`]);
  assert.ok('main' in ENTRY_POINTS);
  const options = /^WATCHDOG_NODE_OPTIONS='(.*)'$/m.exec(read('scripts/environment'))?.[1]?.split(' ');
  assert.deepEqual(rest.slice(0, -1), options);
  assert.deepEqual(NODE_OPTIONS, options);
  assert.ok(texts('ENV', finalStage).includes('MALLOC_ARENA_MAX=1'));
  assert.match(read('scripts/environment'), /^MALLOC_ARENA_MAX=1$/m);
});

test('nothing but dist/ comes over, nobody fetches anything, and the port is the default one', () => {
  assert.deepEqual(texts('COPY', finalStage), ['--from=build /build/dist /opt/conntrack-watchdog']);
  assert.deepEqual(texts('ADD'), []);
  assert.deepEqual(texts('USER', finalStage), ['0:0']);
  assert.deepEqual(texts('HEALTHCHECK'), ['NONE']);
  assert.match(read('src/config/options.ts'), new RegExp(`\\b${texts('EXPOSE')[0]}\\b`));
});

test('labels say what it is; the version is that of package.json', () => {
  const label = texts('LABEL', finalStage).join(' ');
  const names = [...label.matchAll(/org\.opencontainers\.image\.(\w+)="([^"]+)"/g)];
  const values = Object.fromEntries(names.map(([, name, value]) => [name, value]));
  const { title, description, licenses, ...others } = values;
  assert.deepEqual(
    { title, description, licenses },
    { title: manifest.name, description: manifest.description, licenses: manifest.license },
  );
  assert.deepEqual(Object.keys(others).toSorted(), ['created', 'revision', 'source', 'version']);
  assert.ok(texts('ARG', finalStage).includes(`VERSION=${manifest.version}`));
  assert.ok(texts('ARG', buildStage).includes('SOURCE_DATE_EPOCH'));
});

test('.dockerignore lets through what the build reads, and that is there', () => {
  const [first, ...passed] = read('.dockerignore')
    .replaceAll(/^#.*\n/gm, '')
    .trim()
    .split('\n');
  assert.equal(first, '*');
  assert.deepEqual(passed, ['!package.json', '!package-lock.json', '!build', '!scripts', '!src']);
  for (const each of passed) assert.ok(existsSync(join(TOP, each.slice(1))), each);
});
