/** A request to the Kubernetes API that changes something. */
export interface ApiRequest {
  readonly method: 'POST' | 'PATCH';
  /** `/apis/events.k8s.io/v1/namespaces/shop/events`; with the query, if there is one. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

/** What the server said. */
export interface ApiResult {
  /** HTTP status. */
  readonly status: number;
  /** How long the server asks to wait (Retry-After); undefined if it does not. */
  readonly retryAfterMs: number | undefined;
  /** Why not, as one line; empty if the status is 2xx. */
  readonly message: string;
}

/** Rejects if there is no answer; the message of the error is one line. */
export type SendRequest = (request: ApiRequest, signal: AbortSignal) => Promise<ApiResult>;
