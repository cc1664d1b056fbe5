import { randomInt } from 'node:crypto';
import type { ApiObject, KindName } from './api-objects.ts';
import { Refusal } from './api-reply.ts';
import type { ObjectStore } from './object-store.ts';

type Spec = Readonly<Record<string, unknown>>;

/**
 * What the server makes of an object that is created: defaults, addresses, and what the admission plugins in force by
 * default say (NamespaceLifecycle, ServiceAccount). Throws a Refusal.
 */
export function completeNew(store: ObjectStore, kind: KindName, object: ApiObject): ApiObject {
  const { namespace } = object.metadata;
  if (namespace !== undefined) checkNamespace(store, namespace);
  const spec = object.spec ?? {};
  switch (kind) {
    case 'namespaces':
      return { ...object, spec: { ...spec, finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
    case 'services':
      return { ...object, spec: completeService(store, spec), status: { loadBalancer: {} } };
    case 'pods': {
      const serviceAccountName = checkServiceAccount(store, object);
      const terminationGracePeriodSeconds = spec['terminationGracePeriodSeconds'] ?? 30;
      return {
        ...object,
        spec: { ...spec, serviceAccountName, terminationGracePeriodSeconds },
        status: { phase: 'Pending' },
      };
    }
    default:
      return object;
  }
}

function checkNamespace(store: ObjectStore, name: string): void {
  const namespace = store.get('namespaces', undefined, name);
  if (!namespace) throw new Refusal(404, 'NotFound', `namespaces "${name}" not found`);
  if (namespace.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${name} because it is being terminated`;
  throw new Refusal(403, 'Forbidden', why);
}

/** Without controllers no namespace has the account "default". */
function checkServiceAccount(store: ObjectStore, { metadata, spec }: ApiObject): string {
  const account = (spec?.['serviceAccountName'] as string | undefined) ?? 'default';
  const { namespace, name } = metadata;
  if (store.get('serviceaccounts', namespace, account)) return account;
  const why = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
  throw new Refusal(403, 'Forbidden', `pods "${name}" is forbidden: ${why}`);
}

function completeService(store: ObjectStore, spec: Spec): Spec {
  const type = spec['type'] ?? 'ClusterIP';
  const isExposed = type === 'NodePort' || type === 'LoadBalancer';
  const given = (spec['ports'] ?? []) as readonly Spec[];
  const ports = given.map((port, at) => ({
    protocol: 'TCP',
    ...(isExposed && { nodePort: 30_000 + ((store.version * 8 + at) % 2768) }),
    ...port,
  }));
  const clusterIP = spec['clusterIP'] ?? freeClusterIp(store);
  return { sessionAffinity: 'None', ...spec, type, ports, clusterIP, clusterIPs: [clusterIP] };
}

/** At random, as the real one: an address that was given back is hardly ever given out again at once. */
function freeClusterIp(store: ObjectStore): string {
  const used = new Set(store.all('services').map(({ spec }) => spec?.['clusterIP']));
  for (;;) {
    const number = randomInt(1, 4096);
    const ip = `10.96.${number >> 8}.${number & 255}`;
    if (!used.has(ip)) return ip;
  }
}
