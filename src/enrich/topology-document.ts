import { oneLine } from '../lib/one-line.ts';
import { child, elements, type Field, isAbsent, ObjectError, readName, readText } from './fields.ts';
import { readEndpointSlice } from './read-endpoint-slice.ts';
import { readPod } from './read-pod.ts';
import { readService } from './read-service.ts';
import { type FilePlace, TopologyFileError } from './topology-file-error.ts';
import type { TopologyIndex } from './topology-index.ts';

interface Kind {
  /** API group, empty for the core. Other groups have a Service too (serving.knative.dev). */
  readonly group: string;
  readonly add: (index: TopologyIndex, object: unknown) => void;
}

/** One object of a document. */
interface Entry {
  readonly object: Field;
  /** Index in a list. */
  readonly item: number | undefined;
  /** Said by a typed list (PodList), whose items do not say it themselves. */
  readonly kind: string | undefined;
}

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['Service', { group: '', add: (index, object) => index.setService(readService(object)) }],
  ['Pod', { group: '', add: (index, object) => index.setPod(readPod(object)) }],
  [
    'EndpointSlice',
    {
      group: 'discovery.k8s.io',
      add: (index, object) => index.setEndpointSlice(readEndpointSlice(object)),
    },
  ],
]);

/**
 * Puts the objects of one document (an object, a List, or a typed list such as PodList) into the index.
 * Returns how many were of use; calls `ignore` with the kind of each other one. An empty document holds none.
 * Throws TopologyFileError.
 */
export function addDocument(
  index: TopologyIndex,
  document: unknown,
  place: FilePlace,
  ignore: (kind: string) => void,
): number {
  if (isAbsent(document)) return 0;
  let used = 0;
  for (const entry of inPlace(place, () => entriesOf({ path: '', value: document }))) {
    const at = { ...place, item: entry.item };
    const kind = entry.kind ?? inPlace(at, () => kindOf(entry.object));
    const known = inPlace(at, () => knownKind(kind, entry.object));
    if (known) {
      inPlace({ ...at, object: describe(kind, entry.object) }, () => known.add(index, entry.object.value));
      used += 1;
    } else ignore(kind);
  }
  return used;
}

function entriesOf(root: Field): Entry[] {
  const kind = kindOf(root);
  const itemKind = kind.endsWith('List') ? kind.slice(0, -'List'.length) : undefined;
  if (itemKind === undefined || (itemKind !== '' && !knownKind(itemKind, root))) {
    return [{ object: root, item: undefined, kind: undefined }];
  }
  return elements(child(root, 'items')).map(({ value }, item) => ({
    object: { path: '', value },
    item,
    kind: itemKind || undefined,
  }));
}

function kindOf(object: Field): string {
  const { value } = object;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ObjectError(object, 'a Kubernetes object');
  }
  return readName(child(object, 'kind'));
}

/** The kind if it is in use. Without an apiVersion, as in the items of typed lists, its name decides. */
function knownKind(kind: string, object: Field): Kind | undefined {
  const known = KINDS.get(kind);
  const apiVersion = readText(child(object, 'apiVersion'));
  if (apiVersion === undefined) return known;
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
  return known?.group === group ? known : undefined;
}

/** `Service shop/redis`, or as much of it as can be read. */
function describe(kind: string, object: Field): string {
  const parts: string[] = [];
  for (const key of ['namespace', 'name']) {
    try {
      parts.push(oneLine(readName(child(child(object, 'metadata'), key)), 80));
    } catch {
      // What is wrong with it is told by its reader.
    }
  }
  return `${oneLine(kind, 80)} ${parts.join('/')}`.trimEnd();
}

function inPlace<T>(place: FilePlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
    throw new TopologyFileError('object', place, error.message, { cause: error });
  }
}
