import type { ApiResult } from '../model/api-request.ts';
import { ApiError, asApiError, errorOfAnswer } from './api-error.ts';
import { createDeadline } from './timers.ts';

/** An answer of which only the head has come. */
export interface ApiAnswer {
  readonly status: number;
  /** In seconds, as the header says it. */
  readonly retryAfter: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection; does not throw. */
  close(): Promise<void>;
}

export interface ApiCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request with the credentials of the moment. Rejects if there is no answer. */
export type ApiClient = (call: ApiCall, signal: AbortSignal) => Promise<ApiAnswer>;

/** A GET of a path such as `/api/v1/pods`, with the credentials of the moment. Rejects if there is no answer. */
export type ApiGet = (
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<ApiAnswer>;

export interface CallOptions {
  readonly get: ApiGet;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** How long the answer's head may take. */
  readonly answerMs: number;
  /** How long the body may pause: a half-open connection never ends by itself. */
  readonly silenceMs: number;
  /** The server said 200. */
  readonly onAccepted?: () => void;
}

const MAX_ERROR_BYTES = 64 * 1024;
const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_RETRY_AFTER_S = 300;

/** The body of an answer, chunk by chunk. Throws an ApiError; returns early without one if the signal is aborted. */
export async function* call(options: CallOptions): AsyncGenerator<Uint8Array> {
  const { signal, answerMs, silenceMs } = options;
  const controller = new AbortController();
  const abort = () => controller.abort();
  let waitedMs = answerMs;
  let isSilent = false;
  const deadline = createDeadline(waitedMs, () => {
    isSilent = true;
    abort();
  });
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  let answer: ApiAnswer | undefined;
  try {
    answer = await options.get(options.path, options.query, controller.signal);
    if (answer.status !== 200) throw await readError(answer);
    options.onAccepted?.();
    waitedMs = silenceMs;
    deadline.touch(silenceMs);
    for await (const chunk of answer.body) {
      deadline.touch(silenceMs);
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw isSilent ? new ApiError(`no byte for ${waitedMs / 1000} s`, { cause: error }) : asApiError(error);
  } finally {
    deadline.clear();
    signal.removeEventListener('abort', abort);
    abort();
    await answer?.close();
  }
}

/** What became of a request whose body does not matter. */
export async function readResult(answer: ApiAnswer): Promise<ApiResult> {
  const { status } = answer;
  try {
    const error = await readError(answer);
    const isFine = status >= 200 && status < 300;
    return { status, retryAfterMs: error.retryAfterMs, message: isFine ? '' : error.message };
  } finally {
    await answer.close();
  }
}

/** The JSON of an answer. Throws an ApiError if the server said no. */
export async function readJson(answer: ApiAnswer): Promise<unknown> {
  try {
    if (answer.status < 200 || answer.status > 299) throw await readError(answer);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of answer.body) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_JSON_BYTES) throw new ApiError(`the answer has more than ${MAX_JSON_BYTES} bytes`);
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw asApiError(error);
  } finally {
    await answer.close();
  }
}

async function readError({ status, retryAfter, body }: ApiAnswer): Promise<ApiError> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of body) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  const seconds = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const retryAfterMs = seconds === undefined ? undefined : Math.min(seconds, MAX_RETRY_AFTER_S) * 1000;
  return errorOfAnswer(status, Buffer.concat(parts).toString('utf8'), retryAfterMs);
}
