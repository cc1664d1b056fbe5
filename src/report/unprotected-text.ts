import type { FlowAtRisk } from '../model/at-risk.ts';
import type { SkipReason } from '../model/protection.ts';

const TEXTS: Readonly<Record<SkipReason, string>> = {
  service_unknown:
    'no Service is known for the address it uses, so nobody knows whether its backend still is one',
  ipvs: 'IPVS translates it, and forgets an idle connection by a timer of its own that cannot be renewed',
  backend_gone: 'its backend is no endpoint of the Service any more',
  client_gone: 'no program on this node has it open',
  client_unseen:
    "its client's socket is not to be seen from this node (its processes are not below --proc, or it is elsewhere), so nobody knows whether it is still open",
  half_closed: 'one end has closed it',
  max_idle: 'it was idle for longer than --protect-max-idle',
  limit: 'more entries were due at once than are renewed in one round',
};

/** Why the entry of a connection is not renewed although others are. The end of a sentence. */
export function unprotectedText(reason: SkipReason): string {
  return TEXTS[reason];
}

/** Those reasons of connections at risk, each once. */
export function unprotectedReasons(
  flows: Iterable<Pick<FlowAtRisk, 'unprotected'>>,
): ReadonlySet<SkipReason> {
  const reasons = new Set<SkipReason>();
  for (const { unprotected } of flows) if (unprotected !== undefined) reasons.add(unprotected);
  return reasons;
}
