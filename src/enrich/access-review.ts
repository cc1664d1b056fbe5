import type { Access, AccessAnswer } from '../model/access.ts';
import { type ApiClient, readJson } from './api-call.ts';
import { ApiError, asApiError } from './api-error.ts';
import { child, elements } from './fields.ts';

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/**
 * Asks the API server what it lets us do, in all namespaces. That is a POST, as the API has it, and a question: nothing
 * is kept of it. Every user may ask (ClusterRole system:basic-user). Rejects with an ApiError.
 */
export async function reviewAccess(
  client: ApiClient,
  wanted: readonly Access[],
  signal: AbortSignal,
): Promise<AccessAnswer[]> {
  return await Promise.all(
    wanted.map(async (access) => ({ ...access, allowed: await isAllowed(client, access, signal) })),
  );
}

async function isAllowed(client: ApiClient, access: Access, signal: AbortSignal): Promise<boolean> {
  const { verb, group, resource } = access;
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group, resource } },
  };
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(
    client,
    { method: 'POST', path: REVIEWS, headers, body: JSON.stringify(review) },
    signal,
  );
  const { value } = child(child({ path: '', value: answer }, 'status'), 'allowed');
  if (typeof value !== 'boolean')
    throw new ApiError('the answer to a SelfSubjectAccessReview has no status.allowed');
  return value;
}

/** Whether there is a pod on this node. Rejects with an ApiError. */
export async function hasPods(client: ApiClient, nodeName: string, signal: AbortSignal): Promise<boolean> {
  const query = new URLSearchParams({ fieldSelector: `spec.nodeName=${nodeName}`, limit: '1' });
  const answer = await ask(client, { method: 'GET', path: `/api/v1/pods?${query}` }, signal);
  return elements(child({ path: '', value: answer }, 'items')).length > 0;
}

async function ask(client: ApiClient, call: Parameters<ApiClient>[0], signal: AbortSignal): Promise<unknown> {
  try {
    return await readJson(await client(call, signal));
  } catch (error) {
    throw asApiError(error);
  }
}
