/** `npm run build [-- FOLDER]`: bundles the program into dist/, or an empty folder; prints the size of what it made. */
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NODE_OPTIONS } from '../src/lab/agent-process.ts';
import { bundle } from './bundle.ts';
import { nativeFile, nativeParts } from './native-parts.ts';
import { noticesText } from './notices.ts';
import { readManifest, TOP } from './packages.ts';
import { modifiedAt, settle } from './timestamps.ts';

const DIST = join(TOP, 'dist');
/** For whoever comes into a pod: `conntrack-watchdog audit`. The options are those of scripts/environment. */
const COMMAND = `#!/bin/sh
exec node ${NODE_OPTIONS.join(' ')} "$(dirname "$(readlink -f "$0")")/main.js" "$@"
`;

async function main([folder = DIST, ...more]: readonly string[]): Promise<void> {
  if (folder.startsWith('-') || more.length > 0) throw new Error('usage: npm run build [-- FOLDER]');
  const out = resolve(folder);
  const time = modifiedAt(process.env['SOURCE_DATE_EPOCH']);
  clear(out);
  const parts = nativeParts();
  for (const part of parts) cpSync(part.from, join(out, nativeFile(part)));
  const inputs = await bundle(out);
  writeFileSync(join(out, 'LICENSES'), noticesText(inputs));
  const { version } = readManifest(TOP);
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type: 'module', version })}\n`);
  writeFileSync(join(out, 'conntrack-watchdog'), COMMAND);
  settle(out, time);
  chmodSync(join(out, 'conntrack-watchdog'), 0o755);
  process.stdout.write(sizes(out));
}

/** Leaves an empty folder. What is not ours to delete stays, and is an error. */
function clear(out: string): void {
  if (out === DIST) rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  if (readdirSync(out).length > 0) throw new Error(`${out} is not empty`);
  mkdirSync(join(out, 'native'));
}

function sizes(out: string): string {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => ({ name, stat: statSync(join(out, name)) }))
    .filter(({ stat }) => stat.isFile());
  const row = (bytes: number, name: string) => `${(bytes / 1000).toFixed(1).padStart(9)} kB  ${name}\n`;
  const total = files.reduce((sum, { stat }) => sum + stat.size, 0);
  return files.map(({ name, stat }) => row(stat.size, name)).join('') + row(total, `in all, ${out}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
