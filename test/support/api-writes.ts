import { randomUUID } from 'node:crypto';
import { definedFields } from '../../src/lib/defined-fields.ts';
import { type ApiObject, type ApiPath, KINDS, qualifiedName } from './api-objects.ts';
import { type ApiReply, Refusal } from './api-reply.ts';
import { completeNew } from './new-objects.ts';
import type { ObjectStore } from './object-store.ts';

export interface ApiWrite extends ApiPath {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  /** Parsed; undefined without one. */
  readonly body: ApiObject | undefined;
}

/**
 * What writes do to the objects, as an API server does it that has no controllers beside it: nobody deletes what a
 * namespace holds, and a pod that was told to stop stays until it is deleted at once. Source: k8s.io/apiserver,
 * registry/generic/registry/store.go; kubernetes, pkg/registry/core/pod/strategy.go. Throws a Refusal.
 */
export function write(store: ObjectStore, request: ApiWrite): ApiReply {
  return METHODS[request.method]!(store, request);
}

const METHODS: Readonly<Record<string, (store: ObjectStore, request: ApiWrite) => ApiReply>> = {
  POST: create,
  PUT: (store, request) => replace(store, request, bodyOf(request)),
  PATCH: patch,
  DELETE: remove,
};

function create(store: ObjectStore, request: ApiWrite): ApiReply {
  const { kind, namespace } = request;
  const given = bodyOf(request);
  const name = given.metadata.name ?? `${given.metadata['generateName']}${randomUUID().slice(0, 5)}`;
  if (store.get(kind, namespace, name)) {
    throw new Refusal(409, 'AlreadyExists', `${qualifiedName(kind)} "${name}" already exists`);
  }
  const creationTimestamp = new Date().toISOString().replace(/\.\d+/, '');
  const place = { ...(namespace !== undefined && { namespace }), name };
  const metadata = { ...given.metadata, ...place, uid: randomUUID(), creationTimestamp };
  return { code: 201, body: store.put(kind, completeNew(store, kind, { ...given, metadata })) };
}

function replace(store: ObjectStore, request: ApiWrite, given: ApiObject): ApiReply {
  const { kind, name, subresource } = request;
  const before = store.existing(request);
  const { resourceVersion } = given.metadata;
  if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    const message = `Operation cannot be fulfilled on ${qualifiedName(kind)} "${name}": ${why}`;
    throw new Refusal(409, 'Conflict', message);
  }
  const { namespace, uid, creationTimestamp, deletionTimestamp } = before.metadata;
  const kept = { namespace, uid, creationTimestamp, deletionTimestamp };
  const metadata = { ...given.metadata, ...definedFields(kept), name: name! };
  if (subresource === 'status') {
    return { code: 200, body: store.put(kind, { ...before, ...pick(given, 'status') }) };
  }
  if (subresource === 'finalize') return finalize(store, request, { ...before, ...pick(given, 'spec') });
  refuseChange(request, before, given);
  return { code: 200, body: store.put(kind, { ...given, ...pick(before, 'status'), metadata }) };
}

function patch(store: ObjectStore, request: ApiWrite): ApiReply {
  if (request.contentType !== 'application/merge-patch+json') {
    throw new Refusal(415, 'UnsupportedMediaType', `no patch of type ${request.contentType}`);
  }
  const before = store.existing(request);
  const patched = merge(before, request.body) as ApiObject;
  return replace(store, request, patched);
}

function remove(store: ObjectStore, request: ApiWrite): ApiReply {
  const { kind, namespace, name, query } = request;
  const before = store.existing(request);
  const { spec, status } = before;
  const gone = () => {
    store.remove(kind, namespace, name!);
    return { code: 200, body: before };
  };
  const mark = (more: object) => {
    const deletionTimestamp = new Date().toISOString().replace(/\.\d+/, '');
    const metadata = { deletionTimestamp, ...before.metadata };
    return { code: 200, body: store.put(kind, { ...before, ...more, metadata }) };
  };
  if (kind === 'namespaces') return mark({ status: { phase: 'Terminating' } });
  const seconds = Number(query.get('gracePeriodSeconds') ?? spec?.['terminationGracePeriodSeconds'] ?? 30);
  const runs = spec?.nodeName !== undefined && !['Succeeded', 'Failed'].includes(status?.phase ?? '');
  return kind === 'pods' && runs && seconds > 0 ? mark({}) : gone();
}

/** A namespace that is to go and that nobody holds any more. */
function finalize(store: ObjectStore, { kind, name }: ApiWrite, namespace: ApiObject): ApiReply {
  const finalizers = namespace.spec?.['finalizers'] as readonly string[] | undefined;
  if (namespace.metadata.deletionTimestamp === undefined || finalizers?.length) {
    return { code: 200, body: store.put(kind, namespace) };
  }
  store.remove(kind, undefined, name!);
  return { code: 200, body: namespace };
}

function refuseChange({ kind, name }: ApiWrite, before: ApiObject, after: ApiObject): void {
  const refuse = (field: string) => {
    throw new Refusal(
      422,
      'Invalid',
      `${KINDS[kind].kind} "${name}" is invalid: ${field}: may not be changed`,
    );
  };
  if (kind === 'services' && before.spec?.['clusterIP'] !== after.spec?.['clusterIP'])
    refuse('spec.clusterIP');
  if (kind === 'endpointslices' && before['addressType'] !== after['addressType']) refuse('addressType');
  if (kind === 'pods' && JSON.stringify(before.spec) !== JSON.stringify(after.spec)) refuse('spec');
  if (
    kind === 'clusterrolebindings' &&
    JSON.stringify(before['roleRef']) !== JSON.stringify(after['roleRef'])
  )
    refuse('roleRef');
}

function bodyOf({ kind, body }: ApiWrite): ApiObject {
  const { kind: kindName, apiVersion } = KINDS[kind];
  const isFitting = !body || [undefined, kindName].includes(body.kind as never);
  if (!body?.metadata || !isFitting || ![undefined, apiVersion].includes(body.apiVersion as never)) {
    throw new Refusal(400, 'BadRequest', `the body is no ${kindName} of ${apiVersion}`);
  }
  return body;
}

/** RFC 7396. */
function merge(into: unknown, change: unknown): unknown {
  if (!isObject(change)) return change;
  const result: Record<string, unknown> = isObject(into) ? { ...into } : {};
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pick(object: ApiObject, part: 'spec' | 'status'): Partial<ApiObject> {
  return object[part] === undefined ? {} : { [part]: object[part] };
}
