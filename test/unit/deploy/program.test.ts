/** The manifests and the program agree: arguments, port, paths. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { IDaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import type { IClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { parse } from 'yaml';
import { checkProtect } from '../../../src/commands/agent/protect.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { parseCommandLine, UsageError } from '../../../src/config/parse.ts';
import { resourcesOf } from '../../../src/enrich/resources.ts';
import { startHttp } from '../../../src/report/http.ts';
import {
  createRequest,
  podOf as podRefOf,
  subjectOf,
  updateRequest,
} from '../../../src/report/kubernetes-event-object.ts';
import { RULES_FILE } from '../../support/rules-file.ts';
import { breakOf } from '../report/events-harness.ts';
import { build, COMPONENTS, only, SELECTIONS, seesSockets } from './kustomize.ts';

const podOf = (components: readonly string[]) =>
  only<IDaemonSet>(build(components), 'DaemonSet').spec!.template.spec!;
const agentOf = (components: readonly string[]) => podOf(components).containers[0]!;
const nameEnvironment = { env: { NODE_NAME: 'node-1' }, hostName: 'pod-host' };

function parseArgs(args: readonly string[]) {
  const line = parseCommandLine(args, nameEnvironment);
  assert.ok('command' in line && line.command === 'agent');
  return line.options;
}

for (const components of SELECTIONS) {
  test(`the program takes the arguments of base with [${components}]`, () => {
    const { command, args, volumeMounts = [] } = agentOf(components);
    assert.equal(command, undefined, 'the image says what program it is');
    const { procPath, listen, emitEvents, protect } = parseArgs(args!);
    assert.equal(emitEvents, components.includes('kubernetes-events'));
    assert.equal(procPath, seesSockets(components) ? volumeMounts[0]!.mountPath : '/proc');
    // Nothing else may turn on what writes to the kernel.
    assert.equal(protect, components.includes('protect') ? 'renew' : 'off');
    assert.equal(listen.port, agentOf(components).ports![0]!.containerPort);
  });
}

test('protection has what it stands on: names from the API server, and snapshots', () => {
  const inCluster = {
    env: { NODE_NAME: 'node-1', KUBERNETES_SERVICE_HOST: '10.96.0.1' },
    hostName: 'pod-host',
  };
  const line = parseCommandLine(agentOf(['protect']).args!, inCluster);
  assert.ok('command' in line && line.command === 'agent');
  assert.equal(line.options.topology.kind, 'kubernetes');
  checkProtect(line.options);
});

test('an argument the program does not know is found', () => {
  assert.throws(() => parseArgs([...agentOf(COMPONENTS).args!, '--no-such-option']), UsageError);
});

test('the node name comes from the pod', () => {
  assert.deepEqual(agentOf([]).env, [
    { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ]);
  assert.equal(parseArgs(agentOf([]).args!).nodeName, 'node-1');
});

test('the port is the default of --listen, the same on the node, and reachable from elsewhere', () => {
  const parsed = OPTIONS.listen.type(OPTIONS.listen.defaultText);
  assert.ok('value' in parsed);
  assert.equal(parsed.value.host, '0.0.0.0');
  const { port } = parsed.value;
  assert.deepEqual(agentOf([]).ports, [
    { name: 'metrics', containerPort: port, hostPort: port, protocol: 'TCP' },
  ]);
});

test('the role is for what the program watches, all of it and nothing else', () => {
  const watched = resourcesOf({} as never, 'node-1', () => {}).map(({ apiName }) => apiName);
  const allowed = only<IClusterRole>(build([]), 'ClusterRole').rules!.flatMap(({ apiGroups, resources }) =>
    resources!.map((resource) => [resource, ...apiGroups!.filter((group) => group !== '')].join('.')),
  );
  assert.ok(watched.length > 0);
  assert.deepEqual(allowed.toSorted(), watched.toSorted());
});

test('the role of kubernetes-events is for the requests the program makes, and no other', () => {
  const pickup = breakOf('a');
  const subject = subjectOf(podRefOf(pickup.client)!, pickup, '', 0);
  const count = { count: 2, lastAtMs: 0 };
  const requests = [createRequest(subject, count, 'node-1'), updateRequest(subject, count)];
  const verbs = { POST: 'create', PATCH: 'patch' };
  const [, group, resource] = /^\/apis\/([^/]+)\/v1\/namespaces\/shop\/([^/]+)/.exec(requests[0]!.path)!;
  assert.ok(requests.every(({ path }) => path.startsWith(requests[0]!.path)));
  const role = build(['kubernetes-events']).find(
    ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'conntrack-watchdog-events',
  ) as unknown as IClusterRole;
  assert.deepEqual(role.rules, [
    { apiGroups: [group], resources: [resource], verbs: requests.map(({ method }) => verbs[method]) },
  ]);
});

test('the probes and the PodMonitor ask for paths the program serves', async () => {
  let reasons: string[] = [];
  const server = await startHttp({
    listen: { host: '127.0.0.1', port: 0 },
    version: '0.0.0',
    metrics: { expose: async () => ({ contentType: 'text/plain', body: '' }) },
    readiness: { reasons: () => reasons },
    onError: (error) => assert.fail(String(error)),
  });
  after(() => server.close());
  const status = async (path: string) => (await fetch(server.url + path)).status;

  const { startupProbe, livenessProbe, readinessProbe } = agentOf([]);
  const probed = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe!.httpGet!);
  for (const { port, host, scheme } of probed) {
    assert.deepEqual([port, host, scheme], ['metrics', undefined, undefined]);
  }
  const [startup, live, ready] = probed.map(({ path }) => path!);
  const { spec } = only<PodMonitor>(build(['prometheus-operator']), 'PodMonitor');
  const scraped = spec.podMetricsEndpoints[0]!.path;
  for (const path of [startup!, live!, ready!, scraped]) assert.equal(await status(path), 200, path);
  assert.equal(await status('/no-such-path'), 404);
  // Not ready is no reason for a restart.
  reasons = ['not ready'];
  assert.deepEqual(await Promise.all([startup!, live!, ready!].map(status)), [200, 200, 503]);
});

test('the PodMonitor selects the pods and their port, and names them by node', () => {
  const objects = build(['prometheus-operator']);
  const { metadata, spec } = only<PodMonitor>(objects, 'PodMonitor');
  const daemonSet = only<IDaemonSet>(objects, 'DaemonSet');
  assert.equal(metadata.namespace, daemonSet.metadata!.namespace);
  assert.deepEqual(spec.selector.matchLabels, daemonSet.spec!.template.metadata!.labels);
  const toNode = { action: 'replace', sourceLabels: ['__meta_kubernetes_pod_node_name'] };
  assert.deepEqual(spec.podMetricsEndpoints, [
    {
      port: agentOf([]).ports![0]!.name,
      path: '/metrics',
      relabelings: [
        { ...toNode, targetLabel: 'instance' },
        { ...toNode, targetLabel: 'node' },
      ],
    },
  ]);
  // The rules ask for this job; the operator would call it NAMESPACE/NAME of the PodMonitor.
  assert.equal(daemonSet.spec!.template.metadata!.labels![spec.jobLabel], 'conntrack-watchdog');
  assert.deepEqual(Object.keys(spec).toSorted(), ['jobLabel', 'podMetricsEndpoints', 'selector']);
});

test('the PrometheusRule has the rules of the rules file', () => {
  const { spec } = only<{ kind: string; spec: object }>(build(['prometheus-operator']), 'PrometheusRule');
  assert.deepEqual(spec, parse(readFileSync(RULES_FILE, 'utf8')));
});

/** The part of the CRD that is used here. */
interface PodMonitor {
  readonly kind: string;
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly jobLabel: string;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: readonly { readonly path: string }[];
  };
}
