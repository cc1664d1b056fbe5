/** A Kubernetes object as the API server has it; only what the server itself looks at. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly nodeName?: string };
  readonly [part: string]: unknown;
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

export interface ApiEvent {
  readonly type: EventType;
  readonly object: ApiObject;
  /** The object before, undefined if it was not there: it decides what a watch with a selector sees. */
  readonly before: ApiObject | undefined;
  readonly version: number;
}

/** Where each kind is served, and what its list is called. */
export const KINDS = {
  services: { path: '/api/v1/services', kind: 'Service', apiVersion: 'v1' },
  endpointslices: {
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
  },
  pods: { path: '/api/v1/pods', kind: 'Pod', apiVersion: 'v1' },
} as const;
export type KindName = keyof typeof KINDS;

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
