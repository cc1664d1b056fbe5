/** A Kubernetes object as the API server has it; only what the server itself looks at. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    /** Undefined if its kind is not namespaced. */
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly [field: string]: unknown;
  };
  readonly spec?: { readonly nodeName?: string; readonly [field: string]: unknown };
  readonly status?: { readonly phase?: string; readonly [field: string]: unknown };
  readonly [part: string]: unknown;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface ApiEvent {
  readonly type: EventType;
  readonly object: ApiObject;
  /** The object before, undefined if it was not there: it decides what a watch with a selector sees. */
  readonly before: ApiObject | undefined;
  readonly version: number;
}

const RBAC = 'rbac.authorization.k8s.io/v1';

/** What is served: as it is called in a path, in an object, and by the API group it is in. */
export const KINDS = {
  services: { kind: 'Service', apiVersion: 'v1', namespaced: true },
  endpointslices: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', namespaced: true },
  pods: { kind: 'Pod', apiVersion: 'v1', namespaced: true },
  configmaps: { kind: 'ConfigMap', apiVersion: 'v1', namespaced: true },
  serviceaccounts: { kind: 'ServiceAccount', apiVersion: 'v1', namespaced: true },
  namespaces: { kind: 'Namespace', apiVersion: 'v1', namespaced: false },
  clusterroles: { kind: 'ClusterRole', apiVersion: RBAC, namespaced: false },
  clusterrolebindings: { kind: 'ClusterRoleBinding', apiVersion: RBAC, namespaced: false },
} as const;
export type KindName = keyof typeof KINDS;

/** What a path is about. */
export interface ApiPath {
  readonly kind: KindName;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** `status`, `token`, `finalize`. */
  readonly subresource: string | undefined;
}

/** `/api/v1/namespaces/shop/pods/web/status`, say; undefined if nothing is served there. */
export function parsePath(pathname: string): ApiPath | undefined {
  const [, root, ...rest] = pathname.split('/').map(decodeURIComponent);
  const apiVersion = root === 'apis' ? rest.splice(0, 2).join('/') : rest.shift();
  const isWithin = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'finalize';
  const [, namespace] = isWithin ? rest.splice(0, 2) : [];
  const [resource = '', name, subresource] = rest;
  if (!Object.hasOwn(KINDS, resource) || rest.length > 3) return undefined;
  const kind = resource as KindName;
  return KINDS[kind].apiVersion === apiVersion ? { kind, namespace, name, subresource } : undefined;
}

/** The path of all objects of a kind, in one namespace or in all; with a name, of one object. */
export function pathOf(kind: KindName, namespace?: string, name?: string, subresource?: string): string {
  const { apiVersion } = KINDS[kind];
  const within = namespace === undefined ? [] : ['namespaces', namespace];
  const parts = [apiVersion.includes('/') ? 'apis' : 'api', apiVersion, ...within, kind, name, subresource];
  return parts
    .filter((part) => part !== undefined)
    .map((part) => `/${part}`)
    .join('');
}

/** The API group, empty for the core. */
export function groupOf(kind: KindName): string {
  const { apiVersion } = KINDS[kind];
  return apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
}

/** As the server calls a kind in its messages: `endpointslices.discovery.k8s.io`. */
export function qualifiedName(kind: KindName): string {
  return [kind, groupOf(kind)].filter(Boolean).join('.');
}

/** Whether the selectors of a request let the object through: `!key`, `key=value`; of fields spec.nodeName only. */
export function isSelected(query: URLSearchParams, object: ApiObject): boolean {
  const labels = object.metadata.labels ?? {};
  const byLabel = (query.get('labelSelector') ?? '').split(',').filter(Boolean);
  const byField = (query.get('fieldSelector') ?? '').split(',').filter(Boolean);
  const labelsFit = byLabel.every((term) => {
    const [key, value] = term.split('=');
    return term.startsWith('!') ? !Object.hasOwn(labels, term.slice(1)) : labels[key!] === value;
  });
  const fieldsFit = byField.every((term) => {
    const [field, value] = term.split('=');
    if (field !== 'spec.nodeName') throw new Error(`this server does not know the field ${field}`);
    return (object.spec?.nodeName ?? '') === value;
  });
  return labelsFit && fieldsFit;
}

/**
 * What a watch with these selectors sees of an event; undefined: nothing. An object that stops to be selected is
 * DELETED for it. Source: kube-apiserver, storage/cacher/cache_watcher.go.
 */
export function eventFor(query: URLSearchParams, { type, object, before }: ApiEvent): object | undefined {
  const isNow = type !== 'DELETED' && isSelected(query, object);
  const wasBefore = before !== undefined && isSelected(query, before);
  if (!isNow && !wasBefore) return undefined;
  return { type: isNow ? (wasBefore ? 'MODIFIED' : 'ADDED') : 'DELETED', object };
}

/** A metav1.Status as the server answers with it. */
export function statusObject(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}
