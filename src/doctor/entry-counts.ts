import { IPS_DST_NAT } from '../lib/ctnetlink.ts';
import { DEFAULT_TIMEOUTS, fullTimeout } from '../lib/tcp-timeouts.ts';
import type { FlowRow } from '../model/flow-row.ts';

/** What a dump of the table shows of the open connections, counted row by row. */
export class EntryCounts {
  /** Open TCP connections whose destination is translated, by netfilter or by IPVS. */
  translated = 0;
  /** Zones other than 0 that open connections are in. */
  readonly zones = new Set<number>();

  add(row: FlowRow): void {
    const isOpen = fullTimeout(row.tcpState, DEFAULT_TIMEOUTS) !== undefined;
    if (!isOpen) return;
    if (isTranslated(row)) this.translated += 1;
    if (row.zone !== 0) this.zones.add(row.zone);
  }
}

/** IPVS translates without the status bit: then the reply comes from elsewhere than the request went to. */
function isTranslated({ v6, words, dport, replySport, status }: FlowRow): boolean {
  if (status & IPS_DST_NAT || dport !== replySport) return true;
  const count = v6 ? 4 : 1;
  for (let i = 0; i < count; i++) {
    if (words[4 + i] !== words[8 + i]) return true;
  }
  return false;
}
