import { child, type Field, readName, readTime } from './fields.ts';

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

/** Reads `metadata` of a namespaced object. Throws ObjectError if it has no namespace or name. */
export function readMetadata(object: Field): Metadata {
  const metadata = child(object, 'metadata');
  return {
    namespace: readName(child(metadata, 'namespace')),
    name: readName(child(metadata, 'name')),
    created: readTime(child(metadata, 'creationTimestamp')),
  };
}

/** One string for the pair. The length keeps `a/b` + `c` apart from `a` + `b/c`: foreign names hold anything. */
export function refKey({ namespace, name }: ObjectRef): string {
  return `${namespace.length}:${namespace}/${name}`;
}
