/** Builds overlays of deploy/ the way a user does: `kubectl kustomize`. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { emulateKustomize } from './kustomize-emulation.ts';

/** $KUBECTL is another kubectl to try. */
const KUBECTL = process.env['KUBECTL'] || 'kubectl';

export const DEPLOY = join(import.meta.dirname, '../../../deploy');

/** Folders of components by name. The dashboards' is beside what they are made of. */
const FOLDERS: Readonly<Record<string, string>> = Object.fromEntries(
  globSync('{components/*,grafana}/kustomization.yaml', { cwd: DEPLOY }).map((file) => [
    basename(dirname(file)),
    dirname(file),
  ]),
);

export const COMPONENTS = Object.keys(FOLDERS).toSorted();

/** Nothing, each component alone, and all together. */
export const SELECTIONS = [[], ...COMPONENTS.map((name) => [name]), COMPONENTS];

/** Whether one of these components shows the agent the processes of the node. */
export function seesSockets(components: readonly string[]): boolean {
  return components.includes('socket-audit') || components.includes('protect');
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** What an overlay may say beside its base and components. */
export interface Overlay {
  readonly namespace?: string;
  readonly images?: readonly { readonly name: string; readonly newName?: string; readonly newTag?: string }[];
}

/**
 * Why there is no kubectl that could be used, or undefined if there is one. Debian's, 1.20, has kustomize 2, which
 * does not know components and does not tell its version.
 */
export const NO_KUBECTL = whyNoKubectl();

/** The objects of the base with these components, from kubectl where there is one and else from the emulation. */
export function build(components: readonly string[], overlay: Overlay = {}): KubernetesObject[] {
  return inFolderOf(components, overlay, NO_KUBECTL === undefined ? kubectlKustomize : emulateKustomize);
}

/** The same from both, to hold them against each other. */
export function buildBoth(components: readonly string[], overlay: Overlay) {
  return inFolderOf(components, overlay, (folder) => ({
    kubectl: kubectlKustomize(folder),
    emulation: emulateKustomize(folder),
  }));
}

/** `only(objects, 'DaemonSet')` is the one object of that kind. */
export function only<T extends { kind: string }>(objects: readonly KubernetesObject[], kind: T['kind']): T {
  const found = objects.filter((object) => object.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind}`);
  return found[0] as unknown as T;
}

/** `ClusterRole conntrack-watchdog` */
export function idOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`;
}

export function kubectlKustomize(folder: string): KubernetesObject[] {
  const text = execFileSync(KUBECTL, ['kustomize', folder], { encoding: 'utf8', stdio: 'pipe' });
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

function inFolderOf<T>(components: readonly string[], overlay: Overlay, use: (folder: string) => T): T {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'conntrack-watchdog-deploy-')));
  try {
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(folder, join(DEPLOY, 'base'))],
      components: components.map((name) => relative(folder, join(DEPLOY, FOLDERS[name]!))),
      ...overlay,
    };
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function whyNoKubectl(): string | undefined {
  try {
    const text = execFileSync(KUBECTL, ['version', '--client', '-o', 'json'], { stdio: 'pipe' });
    const { kustomizeVersion } = JSON.parse(String(text)) as { kustomizeVersion?: string };
    if (Number(/^v(\d+)\./.exec(kustomizeVersion ?? '')?.[1]) >= 4) return undefined;
    return `kubectl here has kustomize ${kustomizeVersion ?? 'of unknown version'}, needed is 4 or newer`;
  } catch (error) {
    return `kubectl cannot be used: ${(error as Error).message.split('\n')[0]}`;
  }
}
