import type { Cause } from './finding.ts';

/**
 * Whose connections: a client's address; a workload as the metrics have it (`Node/node-1` has no namespace); or a pod, or
 * a workload of any kind, by its name.
 */
export type ClientSelector =
  | { readonly by: 'address'; readonly ip: string }
  | { readonly by: 'workload'; readonly namespace: string | undefined; readonly workload: string }
  | { readonly by: 'name'; readonly namespace: string; readonly name: string };

/** What to show. All that is given must hold. */
export interface TailFilter {
  readonly service: { readonly namespace: string; readonly name: string } | undefined;
  /** Of the Service or of the client. */
  readonly namespace: string | undefined;
  readonly client: ClientSelector | undefined;
  /** Findings have one, events do not. */
  readonly cause: Cause | undefined;
}
