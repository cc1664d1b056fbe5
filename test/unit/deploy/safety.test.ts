/** What makes the manifests safe, said in full: more than this must not slip in, in whatever combination. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IDaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import type { IClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import type { IClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import type { INamespace } from 'kubernetes-models/v1/Namespace';
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { build, type KubernetesObject, only, SELECTIONS, seesSockets } from './kustomize.ts';

const NAME = 'conntrack-watchdog';
const BASE_RULES = [
  { apiGroups: [''], resources: ['services', 'pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
];

const EVENTS_RULES = [{ apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }];

const daemonSetOf = (objects: readonly KubernetesObject[]) => only<IDaemonSet>(objects, 'DaemonSet');
const podOf = (objects: readonly KubernetesObject[]) => daemonSetOf(objects).spec!.template.spec!;
const ofKind = <T extends { kind: string }>(objects: readonly KubernetesObject[], kind: T['kind']) =>
  objects.filter((object) => object.kind === kind) as unknown as T[];

for (const components of SELECTIONS) {
  const objects = build(components);
  const has = (component: string) => components.includes(component);

  test(`the container may do no more than it must: base with [${components}]`, () => {
    const pod = podOf(objects);
    assert.equal(pod.containers.length, 1);
    assert.deepEqual([pod.initContainers, pod.ephemeralContainers], [undefined, undefined]);
    assert.deepEqual(pod.securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
    assert.deepEqual(pod.containers[0]!.securityContext, {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
    });
  });

  test(`of the node it gets the network, and processes only on request: base with [${components}]`, () => {
    const { hostNetwork, hostPID, hostIPC, volumes, containers } = podOf(objects);
    assert.deepEqual([hostNetwork, hostIPC], [true, undefined]);
    assert.equal(hostPID, seesSockets(components) ? true : undefined);
    const hostProc = { name: 'host-proc', hostPath: { path: '/proc', type: 'Directory' } };
    assert.deepEqual(volumes, seesSockets(components) ? [hostProc] : undefined);
    const mount = {
      name: 'host-proc',
      mountPath: '/host/proc',
      readOnly: true,
      recursiveReadOnly: 'IfPossible',
    };
    assert.deepEqual(containers[0]!.volumeMounts, seesSockets(components) ? [mount] : undefined);
  });

  test(`it writes to the kernel on request only: base with [${components}]`, () => {
    const { args, env } = podOf(objects).containers[0]!;
    const said = JSON.stringify([args, env]).match(/protect[^"]*/g);
    assert.deepEqual(said, has('protect') ? ['protect=renew'] : null);
  });

  test(`of the API it gets what it watches, and Events on request: base with [${components}]`, () => {
    const roles = ofKind<IClusterRole>(objects, 'ClusterRole');
    const events = has('kubernetes-events') && { [`${NAME}-events`]: EVENTS_RULES };
    const expected = { [NAME]: BASE_RULES, ...events };
    assert.deepEqual(
      Object.fromEntries(roles.map(({ metadata, rules }) => [metadata!.name, rules])),
      expected,
    );
    assert.ok(roles.every((role) => role.aggregationRule === undefined));

    const bindings = ofKind<IClusterRoleBinding>(objects, 'ClusterRoleBinding');
    assert.deepEqual(
      bindings.map(({ roleRef, subjects }) => ({ roleRef, subjects })),
      roles.map(({ metadata }) => ({
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata!.name },
        subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: NAME }],
      })),
    );
    assert.deepEqual([...ofKind(objects, 'Role'), ...ofKind(objects, 'RoleBinding')], []);
    assert.doesNotMatch(JSON.stringify(roles), /\*|secrets|configmaps|impersonate|escalate|bind|exec|delete/);
  });
}

const base = build([]);

test('the token is mounted for these pods only', () => {
  const account = only<IServiceAccount>(base, 'ServiceAccount');
  assert.equal(account.automountServiceAccountToken, false);
  assert.equal(podOf(base).automountServiceAccountToken, true);
  assert.equal(podOf(base).serviceAccountName, account.metadata!.name);
  for (const object of [account, daemonSetOf(base)]) assert.equal(object.metadata!.namespace, NAME);
});

test('the namespace lets these pods in, and complains about none of them', () => {
  const { metadata } = only<INamespace>(base, 'Namespace');
  assert.equal(metadata!.name, NAME);
  const modes = ['enforce', 'audit', 'warn'];
  assert.deepEqual(
    modes.map((mode) => metadata!.labels?.[`pod-security.kubernetes.io/${mode}`]),
    modes.map(() => 'privileged'),
  );
});

test('it runs on every Linux node, stays when memory is short, and is replaced a part at a time', () => {
  const { selector, template, updateStrategy } = daemonSetOf(base).spec!;
  const pod = template.spec!;
  assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
  assert.deepEqual(pod.nodeSelector, { 'kubernetes.io/os': 'linux' });
  assert.equal(pod.affinity, undefined);
  assert.equal(pod.priorityClassName, 'system-node-critical');
  assert.deepEqual(updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } });
  assert.equal(pod.terminationGracePeriodSeconds, 10);
  assert.deepEqual(template.metadata!.labels, selector.matchLabels);
});

test('it asks for what was measured, and its CPU is not limited', () => {
  assert.deepEqual(podOf(base).containers[0]!.resources, {
    requests: { cpu: '20m', memory: '128Mi' },
    limits: { memory: '300Mi' },
  });
});

test('nobody runs an image by accident', () => {
  const { image } = podOf(base).containers[0]!;
  assert.match(image!, /^conntrack-watchdog:set-image/);
});
