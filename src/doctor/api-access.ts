import type { Access, AccessAnswer } from '../model/access.ts';
import type { CheckResult } from '../model/check.ts';
import { fail, ok, sentence, warn } from './result.ts';

/** What is asked of the API server: a right each, in all namespaces. */
interface Wanted {
  readonly group: string;
  readonly resource: string;
  readonly why: string;
  /** Without it, nothing of the kind is known. */
  readonly needed: readonly string[];
  /** Without it, it works, worse. */
  readonly useful: readonly string[];
  readonly missing: string;
  /** Asked too; the agent does not use it now. */
  readonly unused: readonly string[];
}

const BASE_FIX = ['kubectl apply -f deploy/base/cluster-role.yaml -f deploy/base/cluster-role-binding.yaml'];
const EVENTS_FIX = [
  'kubectl apply -f deploy/components/kubernetes-events/cluster-role.yaml -f deploy/components/kubernetes-events/cluster-role-binding.yaml',
];
const LISTED = {
  needed: ['list'],
  useful: ['watch'],
  unused: ['get'],
  missing: 'the list is read anew every five minutes, and names in between are old',
};

const WANTED: readonly Wanted[] = [
  {
    group: '',
    resource: 'services',
    why: 'The addresses of Services get their names from these.',
    ...LISTED,
  },
  {
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
    why: 'Backends get the names of their pods from these, and it is known which Services have one only.',
    ...LISTED,
  },
  {
    group: '',
    resource: 'pods',
    why: 'Clients get the names of their workloads from the pods of this node.',
    ...LISTED,
  },
  {
    group: 'events.k8s.io',
    resource: 'events',
    why: 'Only with --emit-events: each broken connection is told as an Event on its pod.',
    needed: [],
    useful: ['create', 'patch'],
    unused: [],
    missing: '--emit-events cannot tell of breaks; nothing else needs it',
  },
];

/** Every right there is to ask about. */
export function wantedAccess(): Access[] {
  return WANTED.flatMap(({ group, resource, needed, useful, unused }) =>
    [...unused, ...needed, ...useful].map((verb) => ({ verb, group, resource })),
  );
}

const SERVER = {
  id: 'api_server',
  title: 'API server',
  why: 'The names of Services, pods and workloads come from it. Without it breaks are found all the same, with addresses.',
};

export function checkApiServer(): CheckResult {
  return ok(SERVER, 'It answered, and took the credentials.');
}

/** `reason` is one line. */
export function unreachableApiServer(reason: string, kubeconfig: string | undefined): CheckResult {
  const given = kubeconfig === undefined ? '' : ` --kubeconfig ${kubeconfig}`;
  return fail(SERVER, sentence(reason), [
    `kubectl${given} get --raw /version`,
    kubeconfig === undefined
      ? 'kubectl -n conntrack-watchdog get serviceaccount conntrack-watchdog'
      : 'kubectl config view --minify',
  ]);
}

/** One check for each kind of object. */
export function checkAccess(answers: readonly AccessAnswer[]): CheckResult[] {
  return WANTED.map((wanted) => checkResource(wanted, answers));
}

function checkResource(wanted: Wanted, answers: readonly AccessAnswer[]): CheckResult {
  const { group, resource, why, needed, useful, missing } = wanted;
  const full = group === '' ? resource : `${resource}.${group}`;
  const name = { id: `api_${resource}`, title: `rights to ${full}`, why };
  const mine = answers.filter((answer) => answer.resource === resource && answer.group === group);
  const refused = (verbs: readonly string[]) =>
    verbs.filter((verb) => !mine.some((answer) => answer.verb === verb && answer.allowed));
  const [needs, misses] = [refused(needed), refused(useful)];
  const allowed = mine.filter((answer) => answer.allowed).map(({ verb }) => verb);
  const seen = `Allowed in all namespaces: ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`;
  const fix = resource === 'events' ? EVENTS_FIX : BASE_FIX;
  if (needs.length > 0) {
    return fail(name, `${seen}; not ${[...needs, ...misses].join(', ')}: nothing of the kind is known.`, fix);
  }
  if (misses.length > 0) return warn(name, `${seen}; not ${misses.join(', ')}: ${missing}.`, fix);
  return ok(name, `${seen}.`);
}

/** Whether the API server has pods on a node of this name. */
export function checkNodeName(nodeName: string, hasPods: boolean): CheckResult {
  const name = {
    id: 'node_name',
    title: 'name of this node',
    why: 'The agent asks for the pods of its own node, by this name; under a wrong one its clients stay addresses.',
  };
  if (hasPods) return ok(name, `The API server has pods on "${nodeName}".`);
  return warn(name, `The API server has no pod on a node "${nodeName}".`, [
    'kubectl get nodes',
    'conntrack-watchdog doctor --node-name NAME',
  ]);
}
