import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locked, readManifest, TOP } from './packages.ts';

/** Compiled into the addons of koffi and netlink, so that no file of it is among those bundled. */
const COMPILED_IN = ['node_modules/node-addon-api'];

/** The text of LICENSES: every package that has a file in the bundle, with the licence it asks to be kept with it. */
export function noticesText(inputs: readonly string[]): string {
  const folders = [...new Set([...inputs.flatMap(packageFolder), ...COMPILED_IN])].toSorted();
  const notices = folders.map((folder) => {
    const { name, version, license = 'see below' } = readManifest(join(TOP, folder));
    if (version !== locked(folder).version) {
      throw new Error(
        `${folder} is ${version}, package-lock.json says ${locked(folder).version}: run npm ci`,
      );
    }
    return `${name} ${version} (${license})\n\n${licenseText(folder)}\n`;
  });
  const rule = `${'-'.repeat(80)}\n`;
  return `conntrack-watchdog contains these packages.\n\n${notices.map((each) => rule + each).join('\n')}`;
}

/** `node_modules/a/node_modules/@b/c/d.js` to `node_modules/a/node_modules/@b/c`; none for what is ours. */
function packageFolder(input: string): string[] {
  const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
  return found ? [found[0]] : [];
}

function licenseText(folder: string): string {
  const files = readdirSync(join(TOP, folder)).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name));
  if (files.length === 0) return namedLicense(folder);
  return files
    .toSorted()
    .map((name) =>
      readFileSync(join(TOP, folder, name), 'utf8')
        .replaceAll('\r', '')
        .trim(),
    )
    .join('\n\n');
}

/** For a package that brings no text but says which licence it has. */
function namedLicense(folder: string): string {
  const { license, author } = readManifest(join(TOP, folder));
  if (license === undefined) throw new Error(`${folder} says nothing of its licence`);
  const by = typeof author === 'string' ? author : author?.name;
  return `By ${by ?? 'its authors'}; the text is at https://spdx.org/licenses/${license}.html`;
}
