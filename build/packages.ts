import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The checkout. */
export const TOP = join(import.meta.dirname, '..');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name?: string };
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

interface Locked {
  readonly version: string;
  readonly integrity: string;
}

/** What package-lock.json says of the package in this folder, for example `node_modules/koffi`. */
export function locked(folder: string): Locked {
  const { packages } = JSON.parse(readFileSync(join(TOP, 'package-lock.json'), 'utf8'));
  const entry = packages[folder] as Locked | undefined;
  if (entry === undefined) throw new Error(`package-lock.json has no ${folder}`);
  return entry;
}
