import { fields, hash, managed, type PodState, serviceName, uid } from './cluster-objects.ts';

const STARTED = '2026-11-20T06:54:17Z';
const NODE_IP = '10.16.0.11';
const VOLUME = { name: 'kube-api-access-4xp42', path: '/var/run/secrets/kubernetes.io/serviceaccount' };
const IMAGE = 'registry.example.com/platform/service-runtime';
const CONDITIONS = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const;

/** A pod of the node: one container with probes, resources and environment, as recorded from an API server 1.32. */
export function podObject({ number, phase }: PodState, node: string): object {
  const name = serviceName(number);
  const template = hash(number, 10);
  const ip = `10.244.${(number >> 8) & 0xff}.${number & 0xff}`;
  const labels = {
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/managed-by': 'Helm',
    'app.kubernetes.io/name': name,
    'helm.sh/chart': `${name}-4.11.2`,
    'pod-template-hash': template,
  };
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-${template}` };
  const managers = [
    managed('kube-controller-manager', {
      'f:metadata': {
        'f:generateName': {},
        'f:labels': fields(labels),
        'f:ownerReferences': { '.': {}, [`k:{"uid":"${uid(number, 'owner')}"}`]: {} },
      },
      'f:spec': { 'f:containers': { 'k:{"name":"app"}': fields(container(name)) }, ...fields(podSpec(node)) },
    }),
    managed('kubelet', { 'f:status': fields(podStatus(ip, number, 'ready')) }),
  ];
  return {
    metadata: {
      name: `${name}-${template}-${hash(number * 7 + 1, 5)}`,
      generateName: `${name}-${template}-`,
      namespace: `team-local-${number % 10}`,
      uid: uid(number, 'pod'),
      resourceVersion: '',
      creationTimestamp: STARTED,
      ...(phase === 'leaving' && {
        deletionTimestamp: '2026-11-20T07:54:17Z',
        deletionGracePeriodSeconds: 30,
      }),
      labels,
      annotations: { 'prometheus.io/scrape': 'true', 'example.com/config-checksum': hash(number, 32) },
      ownerReferences: [{ ...owner, uid: uid(number, 'owner'), controller: true, blockOwnerDeletion: true }],
      managedFields: managers,
    },
    spec: { volumes: [volume()], containers: [container(name)], ...podSpec(node) },
    status:
      phase === 'scheduled' ? { phase: 'Pending', qosClass: 'Burstable' } : podStatus(ip, number, phase),
  };
}

function volume(): object {
  return {
    name: VOLUME.name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 420,
    },
  };
}

function container(name: string): object {
  const probe = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  const httpGet = { path: '/healthz', port: 8080, scheme: 'HTTP' };
  return {
    name: 'app',
    image: `${IMAGE}:1.40.0`,
    args: ['serve', '--port=8080', `--name=${name}`],
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: hash(i, 24) })),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '512Mi' } },
    volumeMounts: [{ name: VOLUME.name, readOnly: true, mountPath: VOLUME.path }],
    livenessProbe: { httpGet, ...probe },
    readinessProbe: { httpGet, ...probe },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  };
}

function podSpec(nodeName: string): object {
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    nodeName,
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: ['not-ready', 'unreachable'].map((taint) => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  };
}

function podStatus(ip: string, number: number, phase: PodState['phase']): object {
  const status = phase === 'ready' ? 'True' : 'False';
  return {
    phase: 'Running',
    conditions: CONDITIONS.map((type) => ({
      type,
      status: type === 'Ready' || type === 'ContainersReady' ? status : 'True',
      lastProbeTime: null,
      lastTransitionTime: STARTED,
    })),
    hostIP: NODE_IP,
    hostIPs: [{ ip: NODE_IP }],
    podIP: ip,
    podIPs: [{ ip }],
    startTime: STARTED,
    containerStatuses: [
      {
        name: 'app',
        state: { running: { startedAt: STARTED } },
        lastState: {},
        ready: phase === 'ready',
        restartCount: 0,
        image: `${IMAGE}:1.40.0`,
        imageID: `sha256:${hash(number, 64)}`,
        containerID: `containerd://${hash(number + 1, 64)}`,
        started: true,
        volumeMounts: [
          { name: VOLUME.name, mountPath: VOLUME.path, readOnly: true, recursiveReadOnly: 'Disabled' },
        ],
      },
    ],
    qosClass: 'Burstable',
  };
}
