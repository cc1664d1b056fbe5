import { randomUUID } from 'node:crypto';
import type { ApiObject, ApiPath } from './api-objects.ts';
import { type ApiReply, Refusal } from './api-reply.ts';
import type { ObjectStore } from './object-store.ts';

export interface User {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A rule of RBAC, rbac/v1 PolicyRule. */
interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

interface Question {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `pods/status`. */
  readonly resource: string;
}

interface Issued {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
}

const ALL: readonly Rule[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
const REVIEWS = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'];
/** What everybody who is somebody may do: ClusterRoles system:basic-user and system:discovery. */
const EVERYBODY: readonly Rule[] = [
  { apiGroups: ['authorization.k8s.io'], resources: REVIEWS, verbs: ['create'] },
  { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/version'], verbs: ['get'] },
];

/** Who is who at an API server, and may do what: service accounts by RBAC, everybody else all. */
export class ApiAccess {
  /** Bearer tokens of administrators. */
  readonly tokens = new Set(['secret']);
  /** The common names of administrators' client certificates. */
  readonly certificateNames = new Set<string>();
  readonly #store: ObjectStore;
  readonly #issued = new Map<string, Issued>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Undefined for nobody. `certificateName` is that of a certificate that was verified. */
  identify(authorization: string | undefined, certificateName: string | undefined): User | undefined {
    if (certificateName !== undefined && this.certificateNames.has(certificateName)) {
      return { name: certificateName, rules: ALL };
    }
    const token = authorization?.replace(/^Bearer /, '') ?? '';
    if (this.tokens.has(token)) return { name: 'admin', rules: ALL };
    const issued = this.#issued.get(token);
    if (!issued) return undefined;
    const { namespace, name, uid } = issued;
    // A token ends with its account.
    if (this.#store.get('serviceaccounts', namespace, name)?.metadata.uid !== uid) return undefined;
    const rules = [...EVERYBODY, ...this.#boundTo(namespace, name)];
    return { name: `system:serviceaccount:${namespace}:${name}`, rules };
  }

  /** TokenRequest. */
  issue({ namespace, name }: ApiPath, account: ApiObject): ApiReply {
    const token = `token-${randomUUID()}`;
    this.#issued.set(token, { namespace: namespace!, name: name!, uid: account.metadata.uid });
    const status = { token, expirationTimestamp: '2100-01-01T00:00:00Z' };
    return { code: 201, body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', status } };
  }

  #boundTo(namespace: string, name: string): Rule[] {
    const bindings = this.#store
      .all('clusterrolebindings')
      .filter((binding) =>
        ((binding['subjects'] ?? []) as readonly Record<string, string>[]).some(
          (subject) =>
            subject['kind'] === 'ServiceAccount' &&
            subject['namespace'] === namespace &&
            subject['name'] === name,
        ),
      );
    return bindings.flatMap((binding) => {
      const { name: role } = binding['roleRef'] as { name: string };
      return (this.#store.get('clusterroles', undefined, role)?.['rules'] ?? []) as Rule[];
    });
  }
}

export function isAllowed({ rules }: User, { verb, group, resource }: Question): boolean {
  const fits = (list: readonly string[] | undefined, value: string) =>
    list?.includes('*') || list?.includes(value);
  return rules.some(
    (rule) => fits(rule.verbs, verb) && fits(rule.apiGroups, group) && fits(rule.resources, resource),
  );
}

/**
 * What is asked about oneself, of authorization.k8s.io/v1; undefined if the path is about something else. `denied` is not
 * allowed to anybody. Source: kubernetes, pkg/registry/authorization/selfsubjectaccessreview/rest.go; an authorizer that
 * allows says by what, RBAC says nothing of what it does not allow (plugin/pkg/auth/authorizer/rbac/rbac.go).
 */
export function review(
  pathname: string,
  user: User,
  body: ApiObject | undefined,
  denied: ReadonlySet<string> = new Set(),
): ApiReply | undefined {
  const [, resource] = /^\/apis\/authorization\.k8s\.io\/v1\/(\w+)$/.exec(pathname) ?? [];
  const answer = (status: object) => ({ code: 201, body: { ...body, status } });
  if (resource === 'selfsubjectaccessreviews') {
    if (!body?.spec?.['resourceAttributes']) {
      const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
      const message = `SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: ${why}`;
      throw new Refusal(422, 'Invalid', message);
    }
    const asked = body.spec['resourceAttributes'] as Partial<Question> & { subresource?: string };
    const { verb = '', group = '', resource: asks = '', subresource } = asked;
    const full = [asks, subresource].filter(Boolean).join('/');
    const allowed = !denied.has(`${verb} ${asks}`) && isAllowed(user, { verb, group, resource: full });
    return answer({ allowed, ...(allowed && { reason: 'RBAC: allowed by a ClusterRoleBinding' }) });
  }
  if (resource !== 'selfsubjectrulesreviews') return undefined;
  const resourceRules = user.rules.filter((rule) => rule.resources);
  const nonResourceRules = user.rules.filter((rule) => rule.nonResourceURLs);
  return answer({ resourceRules, nonResourceRules, incomplete: false });
}
