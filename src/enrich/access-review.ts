import type { Access, AccessAnswer } from '../model/access.ts';
import { type ApiCall, type ApiClient, readJson } from './api-call.ts';
import { ApiError, asApiError } from './api-error.ts';
import { child, elements, type Field } from './fields.ts';

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
  const body = JSON.stringify(review);
  return await ask(client, { method: 'POST', path: REVIEWS, headers, body }, signal, (answer) => {
    const { value } = child(child(answer, 'status'), 'allowed');
    if (typeof value === 'boolean') return value;
    throw new ApiError('the answer to a SelfSubjectAccessReview has no status.allowed');
  });
}

/** Whether there is a pod on this node. Rejects with an ApiError. */
export async function hasPods(client: ApiClient, nodeName: string, signal: AbortSignal): Promise<boolean> {
  const query = new URLSearchParams({ fieldSelector: `spec.nodeName=${nodeName}`, limit: '1' });
  const call = { method: 'GET', path: `/api/v1/pods?${query}` };
  return await ask(client, call, signal, (answer) => elements(child(answer, 'items')).length > 0);
}

async function ask<T>(
  client: ApiClient,
  call: ApiCall,
  signal: AbortSignal,
  read: (answer: Field) => T,
): Promise<T> {
  try {
    return read({ path: '', value: await readJson(await client(call, signal)) });
  } catch (error) {
    throw asApiError(error);
  }
}
