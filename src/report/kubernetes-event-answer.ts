import type { ApiRequest, ApiResult } from '../model/api-request.ts';

/**
 * What an answer means for an Event.
 * - `done`: it is stored. `exists`: it was there before, from an earlier try whose answer was lost.
 * - `gone`: the one to update is not there (any more): Events live an hour unless somebody deletes them before.
 * - `denied`: we may not. `later`: the server cannot now. `refused`: not this one, now or later.
 */
export type AnswerMeaning = 'done' | 'exists' | 'gone' | 'denied' | 'later' | 'refused';

/** There was no answer; `message` says why. */
export interface NoAnswer {
  readonly status: undefined;
  readonly message: string;
}

/** Statuses after which the same request may work: no credentials at the moment, too slow, a conflict, too many. */
const PASSING = [401, 408, 409, 429];

export function meaningOf(
  method: ApiRequest['method'],
  { status, message }: ApiResult | NoAnswer,
): AnswerMeaning {
  if (status === undefined || status >= 500) return 'later';
  if (status >= 200 && status < 300) return 'done';
  if (method === 'POST' && status === 409) return 'exists';
  if (method === 'PATCH' && status === 404) return 'gone';
  if (status === 403) return isAuthorization(message) ? 'denied' : 'refused';
  return PASSING.includes(status) ? 'later' : 'refused';
}

/**
 * 403 is also the answer where a namespace is being deleted or has a quota, which says nothing about the next Event.
 * Source: k8s.io/apiserver, endpoints/handlers/responsewriters/errors.go, forbiddenMessage.
 */
function isAuthorization(message: string): boolean {
  return /\bcannot (create|patch) resource\b/.test(message);
}
