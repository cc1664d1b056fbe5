/**
 * Objects as a production cluster has them: field by field those recorded from an API server 1.32, with the labels,
 * annotations and long names that charts and clouds add, and managedFields. No chance in them: each run has the same.
 */

export interface Endpoint {
  readonly pod: string;
  readonly ip: string;
  readonly node: string;
  readonly state: 'starting' | 'ready' | 'leaving';
}

export interface SliceState {
  readonly service: number;
  readonly endpoints: readonly Endpoint[];
}

export interface PodState {
  /** Counts all pods this node ever had. */
  readonly number: number;
  readonly phase: 'scheduled' | 'running' | 'ready' | 'leaving';
}

const CREATED = '2026-11-20T06:54:15Z';
const NODES = 5_000;
const SERVICES_PER_NAMESPACE = 20;
/** Every third Service has a second port. */
const TWO_PORTS_EACH = 3;
const TEAMS = ['payments', 'search', 'identity', 'logistics', 'pricing', 'notifications', 'media', 'risk'];
const PARTS = ['api', 'frontend', 'worker', 'gateway', 'cache', 'events-consumer', 'backoffice', 'grpc'];
const HASH_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

export function serviceName(service: number): string {
  return `${pick(TEAMS, service >> 3)}-${pick(PARTS, service)}-${service}`;
}

function namespaceOf(service: number): string {
  const namespace = Math.floor(service / SERVICES_PER_NAMESPACE);
  return `team-${pick(TEAMS, namespace)}-${namespace}`;
}

/** As a cloud calls a machine. */
export function nodeName(node: number): string {
  return `ip-10-${16 + (node >> 8)}-${node & 0xff}-11.eu-central-1.compute.internal`;
}

/** The endpoint with this number among all that ever were; a new one has a new pod, address and node. */
export function endpoint(service: number, number: number, state: Endpoint['state']): Endpoint {
  return {
    pod: `${serviceName(service)}-${hash(service, 10)}-${hash(number * 7 + 1, 5)}`,
    ip: `10.${128 + ((number >> 16) & 0x7f)}.${(number >> 8) & 0xff}.${number & 0xff}`,
    node: nodeName((number * 37) % NODES),
    state,
  };
}

export function serviceObject(service: number, changes: number): object {
  const name = serviceName(service);
  const app = appLabels(service);
  const ip = `10.${96 + (service >> 16)}.${(service >> 8) & 0xff}.${service & 0xff}`;
  const spec = { ports: servicePorts(service), selector: { 'app.kubernetes.io/name': name } };
  return {
    metadata: {
      name,
      namespace: namespaceOf(service),
      uid: uid(service, 'service'),
      resourceVersion: '',
      creationTimestamp: CREATED,
      labels: app,
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { annotations: {}, labels: app, name, namespace: namespaceOf(service) },
          spec,
        }),
        'example.com/config-checksum': hash(changes, 32),
      },
      managedFields: [
        managed('kubectl-client-side-apply', {
          'f:metadata': {
            'f:annotations': { '.': {}, 'f:kubectl.kubernetes.io/last-applied-configuration': {} },
            'f:labels': fields(app),
          },
          'f:spec': {
            'f:internalTrafficPolicy': {},
            'f:ports': Object.fromEntries(
              spec.ports.map(({ port }) => [
                `k:{"port":${port},"protocol":"TCP"}`,
                { '.': {}, 'f:name': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} },
              ]),
            ),
            'f:selector': {},
            'f:sessionAffinity': {},
            'f:type': {},
          },
        }),
      ],
    },
    spec: {
      ...spec,
      clusterIP: ip,
      clusterIPs: [ip],
      type: 'ClusterIP',
      sessionAffinity: 'None',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
    },
    status: { loadBalancer: {} },
  };
}

export function sliceObject({ service, endpoints }: SliceState): object {
  const name = serviceName(service);
  const labels = {
    ...appLabels(service),
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    'kubernetes.io/service-name': name,
  };
  const owner = { apiVersion: 'v1', kind: 'Service', name, uid: uid(service, 'service') };
  return {
    metadata: {
      name: `${name}-${hash(service, 5)}`,
      generateName: `${name}-`,
      namespace: namespaceOf(service),
      uid: uid(service, 'slice'),
      resourceVersion: '',
      generation: 7,
      creationTimestamp: CREATED,
      labels,
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': CREATED },
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
      managedFields: [
        managed('kube-controller-manager', {
          'f:addressType': {},
          'f:endpoints': {},
          'f:metadata': {
            'f:annotations': { '.': {}, 'f:endpoints.kubernetes.io/last-change-trigger-time': {} },
            'f:generateName': {},
            'f:labels': fields(labels),
            'f:ownerReferences': { '.': {}, [`k:{"uid":"${owner.uid}"}`]: {} },
          },
          'f:ports': {},
        }),
      ],
    },
    addressType: 'IPv4',
    endpoints: endpoints.map(({ pod, ip, node, state }) => ({
      addresses: [ip],
      conditions: {
        ready: state === 'ready',
        serving: state !== 'starting',
        terminating: state === 'leaving',
      },
      targetRef: { kind: 'Pod', namespace: namespaceOf(service), name: pod, uid: uid(service, pod) },
      nodeName: node,
      zone: 'eu-central-1a',
    })),
    ports: servicePorts(service).map(({ name: port, targetPort }) => ({
      name: port,
      protocol: 'TCP',
      port: targetPort,
    })),
  };
}

/** Each Service's container ports; that of every Service is the same, as in most clusters. */
function servicePorts(service: number) {
  const http = { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 };
  const metrics = { name: 'metrics', protocol: 'TCP', port: 9090, targetPort: 9090 };
  return service % TWO_PORTS_EACH === 0 ? [http, metrics] : [http];
}

function appLabels(service: number) {
  const name = serviceName(service);
  return {
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/managed-by': 'Helm',
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/version': `1.${service % 40}.0`,
    'helm.sh/chart': `${pick(PARTS, service)}-4.11.2`,
    team: pick(TEAMS, service >> 3),
  };
}

export function managed(manager: string, fieldsV1: object): object {
  return { manager, operation: 'Update', apiVersion: 'v1', time: CREATED, fieldsType: 'FieldsV1', fieldsV1 };
}

export function fields(of: object): object {
  return { '.': {}, ...Object.fromEntries(Object.keys(of).map((key) => [`f:${key}`, {}])) };
}

/** As Kubernetes makes names unique; the same number gives the same letters. */
export function hash(number: number, length: number): string {
  let state = (number + 1) * 2_654_435_761;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + text.length + 1) >>> 0;
    text += HASH_LETTERS[state % HASH_LETTERS.length];
  }
  return text;
}

/** Of the form that a uid has. */
export function uid(number: number, what: string): string {
  const digits = Buffer.from(hash(number * 31 + what.length, 16)).toString('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function pick(words: readonly string[], at: number): string {
  return words[at % words.length]!;
}
