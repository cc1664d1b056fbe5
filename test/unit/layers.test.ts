import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '../../src');
const NODE = 'node:';

/**
 * What each folder may import: folders of src/, packages, or `node:` for Node's own modules. Stages of the data
 * path do not know one another; what crosses a border is a type in model/. Only commands/ wires them.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [NODE],
  model: [],
  config: ['model', 'lib'],
  decode: ['model', 'lib'],
  detect: ['model', 'lib'],
  audit: ['model', 'lib'],
  doctor: ['model', 'lib'],
  enrich: ['model', 'lib', NODE, 'yaml', '@kubernetes', 'js-yaml'],
  kernel: ['model', 'lib', NODE, 'netlink', 'koffi'],
  report: ['model', 'lib', NODE, 'prom-client', 'pino', 'fastify', '@fastify', 'ghtml', 'cli-progress'],
  lab: ['model', 'lib', NODE],
  commands: [
    'config',
    'model',
    'lib',
    'decode',
    'detect',
    'audit',
    'doctor',
    'enrich',
    'kernel',
    'report',
    'lab',
    NODE,
  ],
  // `..` is package.json, for the version.
  '.': ['commands', 'config', NODE, '..'],
};
/** lib/ is leaves: pure helpers may use only these of Node's modules. */
const PURE_NODE_MODULES = ['node:net', 'node:util'];

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly specifier: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const folder = dirname(file).split('/')[0]!;
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'";\n]*)?from\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => ({ file, folder, specifier: (match[1] ?? match[2] ?? match[3])! }));
}

/** The name that the table knows: a folder of src/, a package, or `node:`. */
function targetOf({ file, specifier }: Import): string {
  if (specifier.startsWith(NODE)) return NODE;
  if (!specifier.startsWith('.')) return specifier.split('/')[0]!;
  return dirname(relative(SRC, join(SRC, dirname(file), specifier))).split('/')[0]!;
}

const files = globSync('**/*.ts', { cwd: SRC });
const imports = files.flatMap(importsOf);

test('the folders of src/ import only what their place in the data path allows', () => {
  assert.ok(files.length > 30 && imports.length > 60, `saw ${files.length} files, ${imports.length} imports`);
  const wrong = imports.filter((i) => {
    const target = targetOf(i);
    return target !== i.folder && !ALLOWED[i.folder]?.includes(target);
  });
  assert.deepEqual(
    wrong.map((i) => `${i.file} imports ${i.specifier}`),
    [],
  );
});

test('lib/ stays pure, and its files do not build on other folders', () => {
  const wrong = imports.filter(
    (i) => i.folder === 'lib' && targetOf(i) === NODE && !PURE_NODE_MODULES.includes(i.specifier),
  );
  assert.deepEqual(wrong, []);
});

test('the Kubernetes client is imported by enrich/watch.ts alone, and only the file beside it speaks HTTP', () => {
  const filesWith = (...targets: string[]) => {
    const users = imports.filter((i) => targets.includes(targetOf(i)) && i.folder === 'enrich');
    return [...new Set(users.map((i) => i.file))];
  };
  assert.deepEqual(filesWith('@kubernetes'), ['enrich/watch.ts']);
  assert.deepEqual(filesWith(NODE), ['enrich/http-request.ts']);
  assert.ok(imports.every((i) => targetOf(i) !== '@kubernetes' || i.folder === 'enrich'));
});

test('every import is seen: no file has more import statements than were parsed', () => {
  for (const file of files) {
    const text = readFileSync(join(SRC, file), 'utf8');
    const statements = text.match(/\bfrom\s*['"]|\bimport\s*\(\s*['"]|^import\s+['"]/gm)?.length ?? 0;
    assert.equal(importsOf(file).length, statements, file);
  }
});
