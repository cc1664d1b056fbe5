import {
  CTA_STATS_DROP,
  CTA_STATS_EARLY_DROP,
  CTA_STATS_INSERT_FAILED,
  CTA_STATS_INVALID,
  IPCTNL_MSG_CT_GET_STATS_CPU,
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import { Attributes, Malformed } from './attributes.ts';

/** What conntrack counted since the network namespace was made, all processors together. */
export interface CpuStats {
  drop: number;
  early_drop: number;
  insert_failed: number;
  invalid: number;
}

const NAMES: Readonly<Record<number, keyof CpuStats>> = {
  [CTA_STATS_DROP]: 'drop',
  [CTA_STATS_EARLY_DROP]: 'early_drop',
  [CTA_STATS_INSERT_FAILED]: 'insert_failed',
  [CTA_STATS_INVALID]: 'invalid',
};
const STATS = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS_CPU;

/**
 * Adds one datagram of the answer to IPCTNL_MSG_CT_GET_STATS_CPU, a message for each processor, to `totals`. `failed`:
 * it is an error, or makes no sense, and the totals are worth nothing.
 */
export function addCpuStats(bytes: Uint8Array, totals: CpuStats): 'more' | 'done' | 'failed' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) return 'failed';
    const type = view.getUint16(at + 4, true);
    if (type === NLMSG_ERROR) return 'failed';
    if (type === NLMSG_DONE) return 'done';
    if (type === STATS && !addMessage(bytes, at + NLMSG_HDRLEN + NFGENMSG_LEN, at + length, totals))
      return 'failed';
    at += (length + 3) & ~3;
  }
  return 'more';
}

function addMessage(bytes: Uint8Array, start: number, end: number, totals: CpuStats): boolean {
  const attributes = new Attributes(bytes, start, end);
  try {
    while (attributes.advance()) {
      const name = NAMES[attributes.type];
      if (name) totals[name] += attributes.u32();
    }
    return true;
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}
