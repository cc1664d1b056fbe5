import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { callApi } from '../support/api-client.ts';
import type { TestCluster } from '../support/test-cluster.ts';

/** What these tests do with RBAC: the verb, the group, the resource, and whether it is in the namespace. */
const NEEDED = [
  ['create', '', 'serviceaccounts', 'token', true],
  ['create', '', 'serviceaccounts', '', true],
  ['create', 'rbac.authorization.k8s.io', 'clusterroles', '', false],
  ['create', 'rbac.authorization.k8s.io', 'clusterrolebindings', '', false],
] as const;

interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Why the user of the kubeconfig cannot make accounts with rights of their own; undefined if it can. */
export async function whyNoAccounts({ config, namespace }: TestCluster): Promise<string | undefined> {
  for (const [verb, group, resource, subresource, isWithin] of NEEDED) {
    const where = isWithin ? { namespace } : {};
    const what = [resource, subresource].filter(Boolean).join('/');
    if (!(await may(config, { verb, group, resource, subresource, ...where })))
      return `the user of this kubeconfig may not ${verb} ${what}`;
  }
  return undefined;
}

const DOCUMENT = join(import.meta.dirname, '../../docs/installing.md');
/** The document says it of some only. */
const GROUPS: Readonly<Record<string, string>> = {
  endpointslices: 'discovery.k8s.io',
  events: 'events.k8s.io',
};

export async function mayListServices(kubeconfig: string): Promise<boolean> {
  return await may(load(kubeconfig), { verb: 'list', group: '', resource: 'services' });
}

/**
 * What the table in docs/installing.md says that the agent may do with these components, as `rulesBeside` has it:
 *
 *     | COMPONENT: `events` of `events.k8s.io` | create, patch | why |
 */
export function documentedRules(components: readonly string[]): string[] {
  const [, section = ''] = readFileSync(DOCUMENT, 'utf8').split('In the API, for all namespaces:');
  const [table = ''] = section.trim().split('\n\n');
  const rows = table.split('\n').slice(2);
  const rules = rows.flatMap((row) => {
    const [, what = '', verbs = ''] = row.split('|').map((cell) => cell.trim());
    const component = /^([\w-]+): /.exec(what)?.[1];
    if (component !== undefined && !components.includes(component)) return [];
    const resources = [...what.replace(/ of `.*`/, '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    return resources.flatMap((resource) =>
      verbs.split(', ').map((verb) => [`${verb} ${resource}`, GROUPS[resource]].filter(Boolean).join('.')),
    );
  });
  return rules.toSorted();
}

/**
 * What one user may do with resources and another may not, who stands for everybody: `list endpointslices.discovery.k8s.io`.
 * As `kubectl auth can-i --list` asks.
 */
export async function rulesBeside(
  { namespace }: TestCluster,
  kubeconfig: string,
  ofEverybody: string,
): Promise<string[]> {
  const everybody = new Set(await rulesOf(namespace, ofEverybody));
  const rules = await rulesOf(namespace, kubeconfig);
  return rules.filter((rule) => !everybody.has(rule)).toSorted();
}

async function rulesOf(namespace: string, kubeconfig: string): Promise<string[]> {
  const { resourceRules } = await ask<{ resourceRules: readonly ResourceRule[] }>(
    load(kubeconfig),
    'SelfSubjectRulesReview',
    { namespace },
  );
  return resourceRules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
    resources.flatMap((resource) =>
      apiGroups.flatMap((group) =>
        verbs.map((verb) => [verb, [resource, group].filter(Boolean).join('.'), ...resourceNames].join(' ')),
      ),
    ),
  );
}

async function may(config: KubeConfig, resourceAttributes: object): Promise<boolean> {
  const { allowed } = await ask<{ allowed: boolean }>(config, 'SelfSubjectAccessReview', {
    resourceAttributes,
  });
  return allowed;
}

function load(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

async function ask<T>(config: KubeConfig, kind: string, spec: object): Promise<T> {
  const apiVersion = 'authorization.k8s.io/v1';
  const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
  const body = { apiVersion, kind, metadata: {}, spec };
  const { status } = await callApi<{ status: T }>(config, { method: 'POST', path, body });
  return status;
}
