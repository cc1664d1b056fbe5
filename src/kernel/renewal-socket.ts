import koffi from 'koffi';
import {
  CTA_TIMEOUT,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_NEW,
  NFGENMSG_LEN,
  NFNETLINK_V0,
  NFNL_SUBSYS_CTNETLINK,
  NLA_HDRLEN,
  NLA_TYPE_MASK,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import type { EntryIdentity } from '../model/protection.ts';
import { batchReceive } from './batch-receive.ts';
import { kernelError } from './errors.ts';
import { closeSocket, openNetfilterSocket } from './netfilter-socket.ts';
import { socketOptions } from './socket-options.ts';

/**
 * The only file that writes to the kernel, loaded with `--protect renew` alone: it gives an entry that is there its time
 * anew. The message is that of `conntrack -U`, IPCTNL_MSG_CT_NEW without NLM_F_CREATE: where there is no such entry the
 * kernel answers ENOENT and makes none (ctnetlink_new_conntrack in net/netfilter/nf_conntrack_netlink.c). It holds the
 * reply tuple, the zone and the timeout, and nothing else.
 *
 * The kernel does not look at CTA_ID in an update, and of two tuples at the original one only; asked for by the reply
 * tuple it finds no entry that has another backend, or another masqueraded port, by now.
 */

/** More than this at a time would keep the event loop, and could fill the receive buffer with answers. */
export const BATCH = 64;
const ANSWER_BYTES = 4096;
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
const LONGEST_IDENTITY = 128;
const TIMEOUT_BYTES = NLA_HDRLEN + 4;
const MESSAGE_BYTES = NLMSG_HDRLEN + NFGENMSG_LEN + LONGEST_IDENTITY + TIMEOUT_BYTES;
const MOST_SECONDS = 0x7fff_ffff;
/** Questions have lower ones: an answer that was left over is none to an update. */
const FIRST_SEQUENCE = 0x1_0000;
const LAST_SEQUENCE = 0x7fff_0000;

export interface RenewalSocket {
  /**
   * Sends up to BATCH questions, made by requests.ts, and hands on every answer there is; the kernel answers before
   * sending returns. `bytes` are valid only during the call. Throws a KernelError.
   */
  ask(questions: Uint8Array, onAnswer: (bytes: Uint8Array) => void): void;
  /**
   * Sets the remaining time of up to BATCH entries. Calls back for each that was refused, with the errno, 0 if the kernel
   * did not say. Throws a KernelError.
   */
  renew(
    entries: readonly EntryIdentity[],
    timeoutSeconds: number,
    onRefused: (place: number, errno: number) => void,
  ): void;
  close(): void;
}

/** Throws a KernelError, and leaves nothing open then. */
export function openRenewalSocket(): RenewalSocket {
  const fd = openNetfilterSocket('opening a netlink socket for renewals');
  try {
    const options = socketOptions();
    options.ignoreOverflow(fd);
    options.forceReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
    const sendTo = koffi.load(null).func('long send(int, const void *, size_t, int)');
    const receive = batchReceive(fd, BATCH, ANSWER_BYTES);
    const updates = new Uint8Array(BATCH * MESSAGE_BYTES);
    let sequence = FIRST_SEQUENCE;
    const exchange = (bytes: Uint8Array, length: number, onAnswer: (bytes: Uint8Array) => void) => {
      // Without an address it goes to the kernel, port id 0.
      if (sendTo(fd, bytes, length, 0) < 0) throw kernelError('asking for conntrack entries', koffi.errno());
      const handOn = (answer: Uint8Array, portId: number) => {
        if (portId === 0) onAnswer(answer);
      };
      while (receive(handOn) === BATCH);
    };
    return {
      ask: (questions, onAnswer) => exchange(questions, questions.length, onAnswer),
      renew(entries, timeoutSeconds, onRefused) {
        const first = sequence;
        sequence = first + entries.length < LAST_SEQUENCE ? first + entries.length : FIRST_SEQUENCE;
        let length = 0;
        for (const [i, entry] of entries.entries()) {
          // The kernel only speaks of what it refuses; the last one's acknowledgement shows that it saw them all.
          const flags = i === entries.length - 1 ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
          length += putUpdate(updates, length, flags, first + i, entry, timeoutSeconds);
        }
        let isHeard = false;
        const refused = new Map<number, number>();
        exchange(updates, length, (bytes) => {
          const { place, errno } = verdictOf(bytes, first);
          if (place === entries.length - 1) isHeard = true;
          if (place >= 0 && place < entries.length && errno !== 0) refused.set(place, errno);
        });
        for (let place = 0; place < entries.length; place++) {
          const errno = refused.get(place);
          if (errno !== undefined) onRefused(place, errno);
          else if (!isHeard) onRefused(place, 0);
        }
      },
      close: () => closeSocket(fd),
    };
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
}

/** Returns the length of the message. */
function putUpdate(
  bytes: Uint8Array,
  at: number,
  flags: number,
  sequence: number,
  { family, attributes }: EntryIdentity,
  timeoutSeconds: number,
): number {
  checkIdentity(attributes);
  const body = at + NLMSG_HDRLEN;
  const timeout = body + NFGENMSG_LEN + attributes.length;
  const length = timeout + TIMEOUT_BYTES - at;
  const view = new DataView(bytes.buffer);
  // Lengths and types in the order of the host, which is little-endian.
  view.setUint32(at, length, true);
  view.setUint16(at + 4, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW, true);
  view.setUint16(at + 6, flags, true);
  view.setUint32(at + 8, sequence, true);
  view.setUint32(at + 12, 0);
  view.setUint32(body, 0);
  view.setUint8(body, family);
  view.setUint8(body + 1, NFNETLINK_V0);
  bytes.set(attributes, body + NFGENMSG_LEN);
  view.setUint16(timeout, TIMEOUT_BYTES, true);
  view.setUint16(timeout + 2, CTA_TIMEOUT, true);
  view.setUint32(timeout + NLA_HDRLEN, Math.min(MOST_SECONDS, Math.max(1, Math.floor(timeoutSeconds))));
  return length;
}

/** Whatever is passed here, nothing but a reply tuple and a zone goes out. */
export function checkIdentity(attributes: Uint8Array): void {
  const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.length);
  let at = 0;
  let hasTuple = false;
  while (at < attributes.length) {
    const left = attributes.length - at;
    const length = left < NLA_HDRLEN ? 0 : view.getUint16(at, true);
    const type = length === 0 ? 0 : view.getUint16(at + 2, true) & NLA_TYPE_MASK;
    hasTuple ||= type === CTA_TUPLE_REPLY;
    const padded = (length + 3) & ~3;
    const isAllowed = type === CTA_TUPLE_REPLY || type === CTA_ZONE;
    if (!isAllowed || length < NLA_HDRLEN || padded > left) break;
    at += padded;
  }
  if (at !== attributes.length || !hasTuple || at > LONGEST_IDENTITY) {
    throw new RangeError('an entry to renew is named by its reply tuple and its zone');
  }
}

/** The place of the message that an NLMSG_ERROR is about, and its errno; 0 is an acknowledgement. */
function verdictOf(bytes: Uint8Array, first: number): { readonly place: number; readonly errno: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < NLMSG_HDRLEN + 4 || view.getUint16(4, true) !== NLMSG_ERROR) {
    return { place: -1, errno: 0 };
  }
  return { place: view.getUint32(8, true) - first, errno: Math.abs(view.getInt32(NLMSG_HDRLEN, true)) };
}
