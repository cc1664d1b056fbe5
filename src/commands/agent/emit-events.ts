import type { OptionsOf } from '../../config/parse.ts';
import { UsageError } from '../../config/parse.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SendRequest } from '../../model/api-request.ts';
import { brokenSentence, type KernelSettings } from '../../report/broken-sentence.ts';
import { createKubernetesEvents, type KubernetesEvents } from '../../report/kubernetes-events.ts';
import type { Log } from '../../report/log.ts';

export interface EmitEventsOptions {
  readonly options: Pick<OptionsOf<'agent'>, 'emitEvents' | 'nodeName'>;
  /** Undefined if the names do not come from the API server. */
  readonly send: SendRequest | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: () => KernelSettings;
}

/** Throws a UsageError if there is nobody to send Events to. */
export function checkEmitEvents({
  emitEvents,
  topology,
}: Pick<OptionsOf<'agent'>, 'emitEvents' | 'topology'>): void {
  if (!emitEvents || topology.kind === 'kubernetes') return;
  const source = topology.kind === 'file' ? `file:${topology.path}` : topology.kind;
  throw new UsageError(
    `agent: --emit-events needs --topology kubernetes, as Events go to the API server; here it is ${source}`,
  );
}

/** The Events of `--emit-events`; undefined without it. */
export function emitEvents({
  options,
  send,
  clock,
  log,
  settings,
}: EmitEventsOptions): KubernetesEvents | undefined {
  if (!options.emitEvents || !send) return undefined;
  return createKubernetesEvents({
    send,
    nowMs: () => clock.monotonicMs(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    node: options.nodeName,
    log,
    note: (pickup) => brokenSentence(pickup, settings()),
  });
}
