/**
 * The part of kustomize that deploy/ uses, for machines without a kubectl that knows components. It is no kustomize:
 * what it does not know it refuses, and where there is a kubectl, kustomize.test.ts holds it against that.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { KubernetesObject } from './kustomize.ts';

type Tree = { [key: string]: unknown };

interface Patch {
  readonly target: { readonly kind: string; readonly name: string };
  readonly patch: string;
}

interface ConfigMapSource {
  readonly name: string;
  readonly namespace: string;
  readonly files: readonly string[];
}

interface GeneratorOptions {
  readonly disableNameSuffixHash: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** By what the entries of a list are told apart when a patch is merged; other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
};

export function emulateKustomize(folder: string): KubernetesObject[] {
  const objects: Tree[] = [];
  addFolder(folder, objects);
  return objects as unknown as KubernetesObject[];
}

/** A Kustomization starts from nothing, a Component from what is there already. */
function addFolder(folder: string, objects: Tree[]): void {
  const file = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Record<string, never[]>;
  const { generatorOptions, ...fields } = file as { generatorOptions?: GeneratorOptions };
  for (const [field, entries] of Object.entries(fields as typeof file)) {
    if (field === 'apiVersion' || field === 'kind') continue;
    for (const entry of entries) {
      if (field === 'resources') addResource(join(folder, entry), objects);
      else if (field === 'components') addFolder(join(folder, entry), objects);
      else if (field === 'patches') applyPatch(entry, objects);
      else if (field === 'images') setImage(entry, objects);
      else if (field === 'configMapGenerator') objects.push(configMap(folder, entry, generatorOptions));
      else throw new Error(`${folder}: this emulation does not know "${field}"`);
    }
  }
}

function addResource(path: string, objects: Tree[]): void {
  if (statSync(path).isDirectory()) addFolder(path, objects);
  else objects.push(parse(readFileSync(path, 'utf8')));
}

/** From files alone, each a key; without the hash that kustomize puts behind a name unless it is told not to. */
function configMap(folder: string, source: ConfigMapSource, options?: GeneratorOptions): Tree {
  const { name, namespace, files, ...unknown } = source;
  const { disableNameSuffixHash, labels, ...unknownOptions } = options ?? { disableNameSuffixHash: false };
  const more = Object.keys({ ...unknown, ...unknownOptions });
  if (more.length > 0) throw new Error(`this emulation does not know "${more}" of a configMapGenerator`);
  if (!disableNameSuffixHash) throw new Error('this emulation does not know the hash behind a name');
  const data = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { ...labels } }, data };
}

function applyPatch({ target, patch }: Patch, objects: Tree[]): void {
  const hit = objects.filter(
    ({ kind, metadata }) => kind === target.kind && (metadata as Tree)['name'] === target.name,
  );
  if (hit.length === 0) throw new Error(`no ${target.kind} ${target.name} to patch`);
  const parsed = parse(patch);
  for (const object of hit) {
    if (Array.isArray(parsed)) for (const operation of parsed) operate(object, operation);
    else merge(object, parsed);
  }
}

/** JSON patch, but only `add` at the end of a list, and `replace` of what is in one. */
function operate(object: Tree, { op, path, value }: { op: string; path: string; value: unknown }): void {
  const steps = path.split('/').slice(1);
  const last = steps.pop()!;
  const list = steps.reduce<unknown>((at, step) => (at as Tree)[step], object);
  if (!Array.isArray(list)) throw new Error(`${path}: no list there`);
  if (op === 'add' && last === '-') list.push(value);
  else if (op === 'replace' && /^\d+$/.test(last) && Number(last) < list.length) list[Number(last)] = value;
  else throw new Error(`this emulation does not know ${op} ${path}`);
}

function merge(into: Tree, patch: Tree): void {
  for (const [key, value] of Object.entries(patch)) {
    const old = into[key];
    const mergeKey = MERGE_KEYS[key];
    if (value === null) throw new Error('this emulation does not know how to delete');
    if (Array.isArray(value) && Array.isArray(old) && mergeKey) mergeLists(old, value, mergeKey);
    else if (isTree(value) && isTree(old)) merge(old, value);
    else into[key] = value;
  }
}

function mergeLists(into: Tree[], patch: readonly Tree[], mergeKey: string): void {
  for (const entry of patch) {
    const old = into.find((candidate) => candidate[mergeKey] === entry[mergeKey]);
    if (old) merge(old, entry);
    else into.push(entry);
  }
}

function setImage(image: { name: string; newName?: string; newTag?: string }, objects: Tree[]): void {
  for (const object of objects.filter(({ kind }) => kind === 'DaemonSet')) {
    const { containers } = (object as { spec: { template: { spec: { containers: { image: string }[] } } } })
      .spec.template.spec;
    for (const container of containers) {
      const [name, tag] = container.image.split(':');
      if (name === image.name) container.image = `${image.newName ?? name}:${image.newTag ?? tag}`;
    }
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
