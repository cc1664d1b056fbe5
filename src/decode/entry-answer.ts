import {
  AF_INET,
  AF_INET6,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_NEW,
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NLA_HDRLEN,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import type { FlowRow } from '../model/flow-row.ts';
import type { EntryIdentity } from '../model/protection.ts';
import { lengthAt, Malformed, typeAt } from './attributes.ts';
import { FlowRowReader } from './flow-rows.ts';

const ENTRY = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;

/** What the kernel says when it is asked for one entry. `row` is overwritten by the next. */
export type EntryAnswer =
  | { readonly sequence: number; readonly row: FlowRow; readonly identity: EntryIdentity }
  | { readonly sequence: number; readonly errno: number };

const reader = new FlowRowReader();

/** Reads the answer to a question for a TCP entry. Undefined if it is none, or makes no sense. */
export function readEntryAnswer(bytes: Uint8Array): EntryAnswer | undefined {
  if (bytes.length < NLMSG_HDRLEN + 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(0, true);
  if (length > bytes.length) return undefined;
  const type = view.getUint16(4, true);
  const sequence = view.getUint32(8, true);
  if (type === NLMSG_ERROR) return { sequence, errno: Math.abs(view.getInt32(NLMSG_HDRLEN, true)) };
  if (type !== ENTRY) return undefined;
  try {
    const start = NLMSG_HDRLEN + NFGENMSG_LEN;
    if (length < start || !reader.read(bytes, start, length)) return undefined;
    return { sequence, row: reader, identity: identityOf(bytes, start, length) };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** As the kernel wrote them: a zone may belong to the entry or to one of its tuples. */
function identityOf(bytes: Uint8Array, start: number, end: number): EntryIdentity {
  const parts: Uint8Array[] = [];
  for (let at = start; at + NLA_HDRLEN <= end; ) {
    const padded = (lengthAt(bytes, at, end) + 3) & ~3;
    const type = typeAt(bytes, at);
    if (type === CTA_TUPLE_REPLY || type === CTA_ZONE) {
      if (at + padded > end) throw new Malformed('bad_attribute_length');
      parts.push(bytes.subarray(at, at + padded));
    }
    at += padded;
  }
  return { family: reader.v6 ? AF_INET6 : AF_INET, attributes: Buffer.concat(parts) };
}
