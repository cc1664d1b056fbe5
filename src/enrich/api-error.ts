import { oneLine } from '../lib/one-line.ts';
import { child } from './fields.ts';

const MAX_REASON = 300;

/** The API server said no, said nothing, or is not there. The message is one line and tells why. */
export class ApiError extends Error {
  /** The HTTP status; undefined if there was no answer. In an ERROR event of a watch: its code. */
  readonly status: number | undefined;
  /** What the server asks to wait before the next request (Retry-After). */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    more: { status?: number | undefined; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(oneLine(message, MAX_REASON), { cause: more.cause });
    this.name = 'ApiError';
    this.status = more.status;
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** The resource version, or the continue token, is too old: list again. Source: metav1 StatusReasonExpired, Gone. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

/** An answer other than 200. `body` is a metav1.Status, or whatever a proxy in between wrote. */
export function errorOfAnswer(status: number, body: string, retryAfterMs: number | undefined): ApiError {
  return new ApiError(`${status} ${messageOfStatus(parse(body)) ?? body}`, { status, retryAfterMs });
}

/** The object of a watch event of type ERROR: a metav1.Status. */
export function errorOfEvent(object: unknown): ApiError {
  const value = fieldOf(object, 'code');
  const status = typeof value === 'number' ? value : undefined;
  return new ApiError(
    `${status ?? ''} ${messageOfStatus(object) ?? 'the watch ended with an error'}`.trim(),
    {
      status,
    },
  );
}

/** What was thrown, as an ApiError: the innermost cause says most (`connect ECONNREFUSED 10.0.0.1:6443`). */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  // Several addresses were tried (localhost as ::1 and 127.0.0.1): the message is empty then.
  if (inner instanceof AggregateError) inner = inner.errors.at(-1);
  const code = (inner as { code?: unknown } | undefined)?.code;
  const message = inner instanceof Error ? inner.message || inner.name : String(inner);
  const isNew = typeof code === 'string' && !message.includes(code);
  return new ApiError(isNew ? `${message} (${code})` : message, { cause: error });
}

function messageOfStatus(object: unknown): string | undefined {
  return [fieldOf(object, 'message'), fieldOf(object, 'reason')].find(
    (value) => typeof value === 'string' && value !== '',
  ) as string | undefined;
}

/** Undefined also if it is no object that could have fields. */
function fieldOf(object: unknown, key: string): unknown {
  try {
    return child({ path: '', value: object }, key).value;
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
