import type { ApiRequest, ApiResult, SendRequest } from '../model/api-request.ts';
import type { NoAnswer } from './kubernetes-event-answer.ts';

/** Calls `run` after so long; returns what prevents that. */
export type After = (ms: number, run: () => void) => () => void;

/** The answer, or why there is none: not within so long, or the signal was aborted. Never rejects. */
export async function sendWithin(
  request: ApiRequest,
  { send, after, ms, signal }: { send: SendRequest; after: After; ms: number; signal: AbortSignal },
): Promise<ApiResult | NoAnswer> {
  const controller = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<NoAnswer>();
  const end = (message: string) => {
    resolve({ status: undefined, message });
    controller.abort();
  };
  const onStop = () => end('the agent stops');
  const clear = after(ms, () => end(`no answer for ${ms / 1000} s`));
  signal.addEventListener('abort', onStop);
  if (signal.aborted) onStop();
  try {
    return await Promise.race([ended, send(request, controller.signal)]);
  } catch (error) {
    return { status: undefined, message: error instanceof Error ? error.message : String(error) };
  } finally {
    clear();
    signal.removeEventListener('abort', onStop);
  }
}
