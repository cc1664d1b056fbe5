import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_CREATE,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import type { Datagram } from '../model/datagram.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import { Attributes, Malformed, type MalformedReason } from './attributes.ts';
import { decodeEntry } from './entry.ts';

/**
 * What one netlink message says. `error` carries a positive errno, 0 for an acknowledgement. `other` is a
 * message of another kind: not an error, not of interest.
 */
export type Message =
  | { readonly kind: 'flow'; readonly sequence: number; readonly event: FlowEvent }
  | { readonly kind: 'error'; readonly sequence: number; readonly errno: number }
  | { readonly kind: 'done'; readonly sequence: number }
  | { readonly kind: 'other'; readonly sequence: number }
  | { readonly kind: 'malformed'; readonly reason: MalformedReason };

/**
 * Decodes the messages of a datagram in their order. `struct nlmsghdr`: nlmsg_len u32, nlmsg_type u16,
 * nlmsg_flags u16, nlmsg_seq u32, nlmsg_pid u32, in host order (little-endian: kernel/ refuses other hosts).
 * Never throws: a message that cannot be read is returned as malformed and the next one is read. When the length
 * itself is wrong nobody knows where the next one begins, so the rest of that datagram is given up.
 */
export function decodeDatagram(datagram: Datagram): Message[] {
  const { bytes } = datagram;
  const messages: Message[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < NLMSG_HDRLEN) {
      messages.push({ kind: 'malformed', reason: 'truncated_datagram' });
      break;
    }
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) {
      const reason = length < NLMSG_HDRLEN ? 'bad_message_length' : 'truncated_datagram';
      messages.push({ kind: 'malformed', reason });
      break;
    }
    messages.push(decodeMessage(view, bytes, at, at + length, datagram.receivedAtMs));
    at += (length + 3) & ~3;
  }
  return messages;
}

function decodeMessage(view: DataView, bytes: Uint8Array, at: number, end: number, nowMs: number): Message {
  const type = view.getUint16(at + 4, true);
  const sequence = view.getUint32(at + 8, true);
  const payload = at + NLMSG_HDRLEN;
  if (type === NLMSG_ERROR) {
    if (end - payload < 4) return { kind: 'malformed', reason: 'short_payload' };
    return { kind: 'error', sequence, errno: -view.getInt32(payload, true) };
  }
  if (type === NLMSG_DONE) return { kind: 'done', sequence };
  const eventType = typeOfEvent(type, view.getUint16(at + 6, true));
  if (eventType === undefined) return { kind: 'other', sequence };
  if (end - payload < NFGENMSG_LEN) return { kind: 'malformed', reason: 'short_payload' };
  try {
    const attributes = new Attributes(bytes, payload + NFGENMSG_LEN, end);
    const event = decodeEntry(attributes, eventType, view.getUint32(at + 12, true), nowMs);
    return { kind: 'flow', sequence, event };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', reason: error.reason };
    throw error;
  }
}

/** nlmsg_type is subsystem << 8 | message. NEW and UPDATE share a number; NLM_F_CREATE tells them apart. */
function typeOfEvent(type: number, flags: number): FlowEvent['type'] | undefined {
  if (type >> 8 !== NFNL_SUBSYS_CTNETLINK) return undefined;
  const message = type & 0xff;
  if (message === IPCTNL_MSG_CT_NEW) return flags & NLM_F_CREATE ? 'new' : 'update';
  if (message === IPCTNL_MSG_CT_DELETE) return 'destroy';
  return undefined;
}
