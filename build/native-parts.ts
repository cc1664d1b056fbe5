import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { locked, readManifest, TOP } from './packages.ts';

/** What the program runs on: Linux with glibc. */
const ARCHITECTURES = ['x64', 'arm64'] as const;
type Architecture = (typeof ARCHITECTURES)[number];

interface NativePart {
  readonly owner: 'koffi' | 'netlink';
  readonly architecture: Architecture;
  readonly from: string;
}

/** Below the output folder. The loader in bundle.ts makes the same name of process.platform and process.arch. */
export function nativeFile({ owner, architecture }: Pick<NativePart, 'owner' | 'architecture'>): string {
  return `native/${owner}-linux-${architecture}.node`;
}

/** Prebuilt addons, the same whatever machine builds, so that its dist/ runs on both architectures. */
export function nativeParts(): NativePart[] {
  return ARCHITECTURES.flatMap((architecture): NativePart[] => [
    { owner: 'koffi', architecture, from: koffiAddon(architecture) },
    { owner: 'netlink', architecture, from: netlinkAddon(architecture) },
  ]);
}

/** The package brings one for every architecture. */
function netlinkAddon(architecture: Architecture): string {
  return join(TOP, `node_modules/netlink/prebuilds/linux-${architecture}/node.napi.node`);
}

/** A package for each architecture; npm installs that of the building machine, and the other one is fetched. */
function koffiAddon(architecture: Architecture): string {
  const folder = `node_modules/@koromix/koffi-linux-${architecture}`;
  const { version, integrity } = locked(folder);
  const file = `linux_${architecture}/koffi.node`;
  const installed = join(TOP, folder);
  if (existsSync(join(installed, file)) && readManifest(installed).version === version) {
    return join(installed, file);
  }
  const cache = join(TOP, 'node_modules/.cache');
  const fetched = join(cache, `koffi-linux-${architecture}-${version}`);
  if (!existsSync(fetched)) {
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, 'koffi-'));
    try {
      unpack(`@koromix/koffi-linux-${architecture}@${version}`, integrity, work);
      renameSync(join(work, 'package'), fetched);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return join(fetched, file);
}

/** Fetches a package by npm, which knows the registry; what comes must be what the lockfile says. */
function unpack(spec: string, integrity: string, work: string): void {
  const run = (command: string, args: readonly string[]) => {
    try {
      return execFileSync(command, args, { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      const why = (stderr?.trim() || message).split('\n', 1)[0];
      throw new Error(`${spec} could not be fetched: ${why}`);
    }
  };
  const file = run('npm', ['pack', '--loglevel=error', spec]).trim();
  const hash = createHash('sha512')
    .update(readFileSync(join(work, file)))
    .digest('base64');
  if (integrity !== `sha512-${hash}`) throw new Error(`${spec} is not what package-lock.json says`);
  run('tar', ['-xzf', file, '--no-same-owner']);
}
