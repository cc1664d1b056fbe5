import { child, type Field, readName, readText, readTime } from './fields.ts';

/** What identifies an object among those of its kind. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** The part of metav1.ObjectMeta in use. */
export interface Metadata extends ObjectRef {
  /** metadata.creationTimestamp: RFC 3339 in UTC without the Z, so that later is greater; empty if not said. */
  readonly created: string;
}

/** Reads which object this is. Throws ObjectError if it has no namespace or name. */
export function readRef(object: Field): ObjectRef {
  const metadata = child(object, 'metadata');
  return { namespace: readName(child(metadata, 'namespace')), name: readName(child(metadata, 'name')) };
}

/** Reads `metadata` of a namespaced object. Throws ObjectError if it has no namespace or name. */
export function readMetadata(object: Field): Metadata {
  return { ...readRef(object), created: readTime(child(child(object, 'metadata'), 'creationTimestamp')) };
}

/**
 * Reads `metadata.resourceVersion` of an object, a list or a bookmark: opaque text, only compared for being the same.
 * Undefined if absent or empty. Throws ObjectError if it is something else.
 */
export function readResourceVersion(object: Field): string | undefined {
  return readText(child(child(object, 'metadata'), 'resourceVersion')) || undefined;
}

/** One string for the pair. The length keeps `a/b` + `c` apart from `a` + `b/c`: foreign names hold anything. */
export function refKey({ namespace, name }: ObjectRef): string {
  return `${namespace.length}:${namespace}/${name}`;
}
