/** Every object as the API server would see it: its schema, and no field that the schema does not have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dumpYaml, loadYaml } from '@kubernetes/client-node';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { ClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { parse, stringify } from 'yaml';
import { build, idOf, type KubernetesObject, only, SELECTIONS } from './kustomize.ts';

type Model = new (data: never) => { validate(): void };

const MODELS: Readonly<Record<string, Model>> = {
  'v1 ConfigMap': ConfigMap,
  'v1 Namespace': Namespace,
  'v1 ServiceAccount': ServiceAccount,
  'rbac.authorization.k8s.io/v1 ClusterRole': ClusterRole,
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': ClusterRoleBinding,
  'apps/v1 DaemonSet': DaemonSet,
  'monitoring.coreos.com/v1 PodMonitor': PodMonitor,
  'monitoring.coreos.com/v1 PrometheusRule': PrometheusRule,
};

/** @throws Error that names the field which is missing, of a wrong type, or unknown */
function validate(object: KubernetesObject): void {
  const model = MODELS[`${object.apiVersion} ${object.kind}`];
  assert.ok(model, `${object.apiVersion} ${object.kind} is not among the schemas`);
  new model(object as never).validate();
  // The validator lets unknown fields pass, a typing error too. The client's types do not: it drops them. It has no types of
  // the Prometheus Operator; program.test.ts says all that is in those objects.
  assert.deepEqual(parse(dumpYaml(loadYaml(stringify(object)))), object);
}

for (const components of SELECTIONS) {
  test(`schemas: base with [${components}]`, () => {
    const objects = build(components);
    assert.ok(objects.length >= build([]).length);
    for (const object of objects) {
      assert.doesNotThrow(() => validate(object), idOf(object));
      // Names and labels are no part of the schemas, but the API server checks them.
      assert.match(object.metadata.name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    }
  });
}

test('wrong objects of the Prometheus Operator do not pass', () => {
  const objects = build(['prometheus-operator']);
  const specs = [
    ['PodMonitor', { selector: {}, podMetricsEndpoints: [{ port: 9469 }] }, /port must be string/],
    ['PodMonitor', { podMetricsEndpoints: [] }, /must have required property selector/],
    ['PrometheusRule', { groups: [{ name: 'a', rules: [{ alert: 'A' }] }] }, /required property expr/],
  ] as const;
  for (const [kind, spec, message] of specs) {
    const object = only<KubernetesObject>(objects, kind);
    assert.throws(() => validate({ ...object, spec } as KubernetesObject), message);
  }
});

test('wrong objects do not pass', () => {
  const [daemonSet] = build([]).filter(({ kind }) => kind === 'DaemonSet');
  const broken = (change: (copy: { spec: { template: { spec: Record<string, unknown> } } }) => void) => {
    const copy = structuredClone(daemonSet) as never;
    change(copy);
    return () => validate(copy);
  };
  assert.doesNotThrow(broken(() => {}));
  assert.throws(
    broken(({ spec }) => {
      spec.template.spec['hostNetwork'] = 'yes';
    }),
    /hostNetwork must be boolean/,
  );
  assert.throws(
    broken(({ spec }) => {
      spec.template.spec['hostPid'] = true;
    }),
    /hostPid/,
  );
  assert.throws(
    broken(({ spec }) => {
      delete spec.template.spec['containers'];
    }),
    /containers/,
  );
});
