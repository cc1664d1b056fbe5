import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { IDaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap';
import {
  build,
  buildBoth,
  COMPONENTS,
  DEPLOY,
  idOf,
  type KubernetesObject,
  kubectlKustomize,
  NO_KUBECTL,
  only,
  SELECTIONS,
} from './kustomize.ts';
import { emulateKustomize } from './kustomize-emulation.ts';

const needsKubectl = { skip: NO_KUBECTL === undefined ? false : NO_KUBECTL };

test('the base and every component can be built', () => {
  assert.deepEqual(COMPONENTS, [
    'grafana',
    'kubernetes-events',
    'prometheus-operator',
    'protect',
    'socket-audit',
  ]);
  assert.deepEqual(build([]).map(idOf).toSorted(), [
    'ClusterRole conntrack-watchdog',
    'ClusterRoleBinding conntrack-watchdog',
    'DaemonSet conntrack-watchdog',
    'Namespace conntrack-watchdog',
    'ServiceAccount conntrack-watchdog',
  ]);
  const added = (name: string) =>
    build([name])
      .map(idOf)
      .filter((id) => !build([]).some((object) => idOf(object) === id))
      .toSorted();
  assert.deepEqual([...added('socket-audit'), ...added('protect')], []);
  assert.deepEqual(added('grafana'), [
    'ConfigMap conntrack-watchdog-dashboard-fleet',
    'ConfigMap conntrack-watchdog-dashboard-node',
  ]);
  assert.deepEqual(added('kubernetes-events'), [
    'ClusterRole conntrack-watchdog-events',
    'ClusterRoleBinding conntrack-watchdog-events',
  ]);
  assert.deepEqual(added('prometheus-operator'), [
    'PodMonitor conntrack-watchdog',
    'PrometheusRule conntrack-watchdog',
  ]);
});

test('components can be combined in any order', () => {
  const args = (components: readonly string[]) =>
    only<IDaemonSet>(build(components), 'DaemonSet').spec!.template.spec!.containers[0]!.args!;
  const [command, proc, ...options] = args(COMPONENTS);
  assert.deepEqual([command, proc], ['agent', '--proc=/host/proc']);
  assert.deepEqual(args(COMPONENTS.toReversed()), [command, proc, ...options.toReversed()]);
  assert.deepEqual(options.toSorted(), ['--emit-events', '--protect=renew']);
});

test('protect brings socket-audit with it, and nothing twice where an overlay names both', () => {
  const alone = build(['protect']);
  assert.deepEqual(build(['protect', 'socket-audit']), alone);
  assert.deepEqual(build(['socket-audit', 'protect']), alone);
  const argument = '--protect=renew';
  const { args } = only<IDaemonSet>(alone, 'DaemonSet').spec!.template.spec!.containers[0]!;
  assert.deepEqual(
    args!.filter((arg) => arg !== argument),
    only<IDaemonSet>(build(['socket-audit']), 'DaemonSet').spec!.template.spec!.containers[0]!.args,
  );
  assert.deepEqual(
    args!.filter((arg) => arg === argument),
    [argument],
  );
});

test('the emulation builds what kubectl builds', needsKubectl, () => {
  const images = [{ name: 'conntrack-watchdog', newName: 'registry.example.com/watchdog', newTag: '1.2.3' }];
  for (const components of SELECTIONS) {
    const { kubectl, emulation } = buildBoth(components, { images });
    const byId = (objects: typeof kubectl) =>
      Object.fromEntries(objects.map((object) => [idOf(object), object]));
    assert.equal(emulation.length, kubectl.length);
    assert.deepEqual(byId(emulation), byId(kubectl));
    assert.match(JSON.stringify(kubectl), /"registry\.example\.com\/watchdog:1\.2\.3"/);
  }
});

test('the ConfigMaps are the dashboards, with the label that the sidecar of Grafana looks for', () => {
  const maps = build(['grafana']).filter(
    ({ kind }) => kind === 'ConfigMap',
  ) as unknown as Required<IConfigMap>[];
  for (const { metadata, data } of maps) {
    assert.equal(metadata.labels?.['grafana_dashboard'], '1');
    const [file, ...more] = Object.keys(data);
    assert.deepEqual(more, []);
    assert.equal(data[file!], readFileSync(join(DEPLOY, 'grafana', file!), 'utf8'));
    // `kubectl apply` keeps a copy in an annotation, and all annotations together may have 256 KiB.
    assert.ok(JSON.stringify(data).length < 250_000, `${metadata.name} cannot be applied by kubectl`);
  }
  assert.equal(maps.length, 2);
});

test('an overlay can put all of it into another namespace', needsKubectl, () => {
  const text = JSON.stringify(build(COMPONENTS, { namespace: 'elsewhere' }));
  assert.doesNotMatch(text, /"namespace":"conntrack-watchdog"/);
  // The DaemonSet, its account, the PodMonitor, the rule, both dashboards, and the account in both bindings.
  assert.equal(text.match(/"namespace":"elsewhere"/g)?.length, 8);
});

test('the overlay of docs/installing.md works as it stands there', () => {
  const page = readFileSync(join(DEPLOY, '../docs/installing.md'), 'utf8');
  const [overlay, second] = [...page.matchAll(/```yaml\n(# my-cluster\/kustomization\.yaml\n.*?)```/gs)];
  assert.ok(overlay && !second);
  const objects = inCopyOfDeploy(overlay[1]!, NO_KUBECTL === undefined ? kubectlKustomize : emulateKustomize);
  assert.deepEqual(objects.map(idOf).toSorted(), build(COMPONENTS).map(idOf).toSorted());
  const { image } = only<IDaemonSet>(objects, 'DaemonSet').spec!.template.spec!.containers[0]!;
  assert.equal(image, 'registry.example.com/conntrack-watchdog:0.1.0');
});

test(
  'the dashboards alone go to the namespace of Grafana, as docs/installing.md has it',
  needsKubectl,
  () => {
    const page = readFileSync(join(DEPLOY, '../docs/installing.md'), 'utf8');
    const [overlay] = [...page.matchAll(/```yaml\n([^`]*namespace: monitoring\n[^`]*)```/g)];
    const objects = inCopyOfDeploy(overlay![1]!, kubectlKustomize);
    assert.deepEqual(
      objects.map(({ kind, metadata }) => [kind, metadata.namespace]),
      [
        ['ConfigMap', 'monitoring'],
        ['ConfigMap', 'monitoring'],
      ],
    );
  },
);

test('what the emulation does not know it refuses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-emulation-'));
  try {
    writeFileSync(join(folder, 'kustomization.yaml'), 'nameSuffix: [x]\n');
    assert.throws(() => emulateKustomize(folder), /does not know "nameSuffix"/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What is made of an overlay that lies beside this repository, as `my-cluster` in the document. */
function inCopyOfDeploy(overlay: string, use: (folder: string) => KubernetesObject[]): KubernetesObject[] {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'conntrack-watchdog-docs-')));
  try {
    cpSync(DEPLOY, join(folder, 'conntrack-watchdog/deploy'), { recursive: true });
    mkdirSync(join(folder, 'my-cluster'));
    writeFileSync(join(folder, 'my-cluster/kustomization.yaml'), overlay);
    return use(join(folder, 'my-cluster'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
