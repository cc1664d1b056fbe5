/** Who may do what, as a real cluster says with TEST_KUBECONFIG, else our stand-in. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { IClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import type { IClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { wantedAccess } from '../../src/doctor/api-access.ts';
import { reviewAccess } from '../../src/enrich/access-review.ts';
import { createClient } from '../../src/enrich/watch.ts';
import type { ApiObject } from '../support/api-objects.ts';
import { tokenIn } from '../support/kubeconfig.ts';
import type { NewObject } from '../support/test-cluster.ts';
import { build, COMPONENTS, only } from '../unit/deploy/kustomize.ts';
import { allSynced } from './harness.ts';
import { useCluster } from './live.ts';
import { newPod, newService, newSlice, POD_ACCOUNT, runningAt } from './live-objects.ts';
import { documentedRules, mayListServices, rulesBeside, whyNoAccounts } from './live-rules.ts';

const live = useCluster((cluster) => cluster.create('serviceaccounts', POD_ACCOUNT));

/** A service account without rights; undefined if the test is left out, which is said. */
async function newAccount(t: TestContext, name: string): Promise<string | undefined> {
  const { cluster } = live();
  const why = await whyNoAccounts(cluster);
  if (why !== undefined) {
    t.skip(why);
    return undefined;
  }
  await cluster.create('serviceaccounts', { metadata: { name } });
  const token = await cluster.tokenOf(name);
  if (!(await mayListServices(cluster.kubeconfigFor({ token })))) return token;
  t.skip('everybody may list Services here, whatever RBAC says');
  return undefined;
}

/** Gives a service account these rules, everywhere. */
async function grant(account: string, rules: readonly object[]): Promise<string> {
  const { cluster } = live();
  const name = `${cluster.namespace}-${account}`;
  await cluster.create('clusterroles', { metadata: { name }, rules });
  await cluster.create('clusterrolebindings', {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: cluster.namespace }],
  });
  return name;
}

/** Makes the account of deploy/ with its roles; they are as they are but for their names. Returns its kubeconfig. */
async function install(components: readonly string[], account: string): Promise<string> {
  const { cluster } = live();
  const { namespace } = cluster;
  const objects = build(components) as unknown as readonly NewObject[];
  const renamed = (name: string) => `${namespace}-${account}-${name}`;
  for (const { kind, ...object } of objects) {
    const { name } = object.metadata;
    const metadata = { name: renamed(name) };
    if (kind === 'ServiceAccount') {
      await cluster.create('serviceaccounts', { ...object, metadata: { name: account } });
    } else if (kind === 'ClusterRole') await cluster.create('clusterroles', { ...object, metadata });
    else if (kind === 'ClusterRoleBinding') {
      const { roleRef, subjects } = object as unknown as IClusterRoleBinding;
      await cluster.create('clusterrolebindings', {
        metadata,
        roleRef: { ...roleRef, name: renamed(roleRef.name) },
        subjects: subjects!.map((subject) => ({ ...subject, namespace, name: account })),
      });
    }
  }
  return cluster.kubeconfigFor({ token: await cluster.tokenOf(account) });
}

for (const components of [[], COMPONENTS]) {
  const account = components.length === 0 ? 'base' : 'all-components';
  test(`what deploy/ gives is enough, and is what the documents say: base with [${components}]`, async (t) => {
    const { cluster, watchSynced } = live();
    const bare = await newAccount(t, `beside-${account}`);
    if (bare === undefined) return;
    const kubeconfig = await install(components, account);
    const documented = documentedRules(components);
    const bareOne = cluster.kubeconfigFor({ token: bare });
    // A server needs a moment to hear of new bindings.
    let own: readonly string[] = [];
    for (let tries = 0; tries < 50 && !isDeepStrictEqual(own, documented); tries++) {
      if (tries > 0) await setTimeout(100);
      own = await rulesBeside(cluster, kubeconfig, bareOne);
    }
    assert.deepEqual(own, documented);

    const { topology, until, problems } = await watchSynced(t, { kubeconfig });
    const [endpointIp, podIp] = [cluster.freeIp(), cluster.freeIp()];
    const { spec } = await cluster.create('services', newService(account));
    const seen = { ip: endpointIp, pod: `${account}-1` };
    await cluster.create('endpointslices', newSlice(account, account, 8080, [seen]));
    await cluster.create('pods', newPod(account, cluster.nodeName));
    await cluster.patch('pods', account, runningAt(podIp, cluster.freeIp()), 'status');
    await until(() => topology.serviceAt(String(spec!['clusterIP']), 80)?.name === account, 'the Service');
    await until(() => topology.endpointAt(endpointIp, 8080)?.pod === seen.pod, 'the endpoint');
    await until(() => topology.podAt(podIp)?.name === account, 'the pod');
    assert.deepEqual(problems, []);
  });
}

test('without rights each missing one is said once; when they are given all is well', async (t) => {
  const { cluster, watch: watchWith } = live();
  const token = await newAccount(t, 'late');
  if (token === undefined) return;
  const watch = watchWith(t, { kubeconfig: cluster.kubeconfigFor({ token }) });
  await watch.until(() => Object.values(watch.errors()).every((count) => count >= 3), 'three tries of each');
  assert.deepEqual(watch.synced(), { services: false, endpointslices: false, pods: false });
  const said = watch.problems.map(({ what, status }) => [what, status]);
  assert.deepEqual(said.toSorted(), [
    ['list endpointslices.discovery.k8s.io', 403],
    ['list pods', 403],
    ['list services', 403],
  ]);
  const who = `User "system:serviceaccount:${cluster.namespace}:late"`;
  for (const { resource, reason } of watch.problems) {
    const group = resource === 'endpointslices' ? 'discovery.k8s.io' : '';
    const full = group === '' ? resource : `${resource}.${group}`;
    const what = `cannot list resource "${resource}" in API group "${group}" at the cluster scope`;
    // An authorizer may add why.
    assert.ok(reason.startsWith(`403 ${full} is forbidden: ${who} ${what}`), reason);
  }
  await grant('late', only<IClusterRole>(build([]), 'ClusterRole').rules!);
  await watch.until(() => allSynced(watch), 'synced');
  assert.deepEqual(watch.told.toSorted(), ['endpointslices', 'pods', 'services']);
  assert.equal(watch.problems.length, 3);
});

test('who may list and not watch has the names of the last list', async (t) => {
  const { cluster, watch: watchWith } = live();
  const token = await newAccount(t, 'lists');
  if (token === undefined) return;
  const resources = ['services', 'endpointslices', 'pods'];
  const rule = { apiGroups: ['', 'discovery.k8s.io'], resources, verbs: ['list'] };
  const role = await grant('lists', [rule]);
  const watch = watchWith(t, { kubeconfig: cluster.kubeconfigFor({ token }) });
  await watch.until(() => watch.problems.length === 3, 'said');
  assert.deepEqual(watch.problems.map(({ what }) => what).toSorted(), [
    'watch endpointslices.discovery.k8s.io',
    'watch pods',
    'watch services',
  ]);
  const isKnown = ({ spec }: ApiObject) =>
    watch.topology.serviceAt(String(spec!['clusterIP']), 80) !== undefined;
  const listed = await cluster.create('services', newService('listed'));
  await watch.until(() => isKnown(listed), 'the Service, by a later list');
  assert.deepEqual(watch.synced(), { services: false, endpointslices: false, pods: false });
  assert.equal(watch.problems.length, 3);
  await cluster.patch('clusterroles', role, { rules: [{ ...rule, verbs: ['list', 'watch'] }] });
  await watch.until(() => allSynced(watch), 'up to date');
  const watched = await cluster.create('services', newService('watched'));
  await watch.until(() => isKnown(watched), 'the Service, by the watch');
  assert.equal(watch.told.filter((name) => name === 'services').length, 2);
  assert.equal(watch.problems.length, 3);
});

test('what is asked about rights is answered as they are', async (t) => {
  const { cluster } = live();
  const token = await newAccount(t, 'asks');
  if (token === undefined) return;
  await grant('asks', [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] }]);
  const client = createClient(cluster.kubeconfigFor({ token }), () => performance.now());
  const allowed = async () => {
    const answers = await reviewAccess(client, wantedAccess(), AbortSignal.timeout(30_000));
    assert.equal(answers.length, wantedAccess().length);
    return answers.filter((answer) => answer.allowed).map(({ verb, resource }) => `${verb} ${resource}`);
  };
  // Until the server has seen the rules.
  while (!isDeepStrictEqual(await allowed(), ['list endpointslices'])) await setTimeout(50);
});

test('a token that is refused is said; what takes its place in the file is used', async (t) => {
  const { cluster, watch: watchWith } = live();
  const token = await newAccount(t, 'tokens');
  if (token === undefined) return;
  await grant('tokens', only<IClusterRole>(build([]), 'ClusterRole').rules!);
  const tokenFile = join(cluster.folder, 'token');
  writeFileSync(tokenFile, 'nonsense\n');
  const watch = watchWith(t, { kubeconfig: cluster.kubeconfigFor(tokenIn(tokenFile)) });
  await watch.until(() => watch.problems.length === 3, 'said');
  for (const { status, reason } of watch.problems)
    assert.deepEqual([status, reason], [401, '401 Unauthorized']);
  writeFileSync(tokenFile, `${token}\n`);
  await watch.until(() => allSynced(watch), 'synced');
});
