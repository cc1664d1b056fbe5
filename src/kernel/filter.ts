import {
  CTA_PROTO_NUM,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_STATUS,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  IPPROTO_TCP,
  IPS_SEEN_REPLY,
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NLA_HDRLEN,
  NLMSG_HDRLEN,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_LAST_ACK,
} from '../lib/ctnetlink.ts';
import {
  assemble,
  findAttribute,
  findNested,
  give,
  ifAbove,
  ifAnyBit,
  ifBelow,
  ifEqual,
  ifNotEqual,
  jump,
  label,
  loadByte,
  loadByteAtX,
  loadWordAtX,
  moveToX,
} from './bpf.ts';

/** nlmsg_type in host order: on a little-endian host the message is the low byte, the subsystem the high one. */
const MESSAGE = 4;
const SUBSYSTEM = 5;
const ATTRIBUTES = NLMSG_HDRLEN + NFGENMSG_LEN;
const DROP = 0;
const PASS = 0xffffffff;

const tcpState = [
  findAttribute(CTA_PROTOINFO, ATTRIBUTES),
  findNested(CTA_PROTOINFO_TCP),
  findNested(CTA_PROTOINFO_TCP_STATE),
].flat();

/**
 * The filter on the event socket. It lets through what can be evidence of a lost entry, and nothing of a
 * connection that opens and closes in order (kernel-side, so such a connection costs the agent nothing):
 *
 *   TCP and one of
 *     NEW in ESTABLISHED without SEEN_REPLY      a packet in the middle of a connection made an entry
 *     DESTROY in ESTABLISHED .. LAST_ACK         an entry went away under an open connection
 *     DESTROY in CLOSE without SEEN_REPLY        a picked-up packet was answered by a reset
 *     DESTROY without a state                    Linux before 5.11 says nothing: all must pass
 *
 * An attribute that is missing where it must be present drops the message, as an offset of 0 would otherwise
 * read the header.
 */
export const EVENT_FILTER: Uint8Array = assemble([
  loadByte(SUBSYSTEM),
  ifNotEqual(NFNL_SUBSYS_CTNETLINK, 'drop'),

  findAttribute(CTA_TUPLE_ORIG, ATTRIBUTES),
  ifEqual(0, 'drop'),
  findNested(CTA_TUPLE_PROTO),
  ifEqual(0, 'drop'),
  findNested(CTA_PROTO_NUM),
  ifEqual(0, 'drop'),
  moveToX(),
  loadByteAtX(NLA_HDRLEN),
  ifNotEqual(IPPROTO_TCP, 'drop'),

  loadByte(MESSAGE),
  ifEqual(IPCTNL_MSG_CT_DELETE, 'destroy'),
  ifNotEqual(IPCTNL_MSG_CT_NEW, 'drop'),

  tcpState,
  ifEqual(0, 'drop'),
  moveToX(),
  loadByteAtX(NLA_HDRLEN),
  ifEqual(TCP_CONNTRACK_ESTABLISHED, 'pass unless a reply was seen'),
  jump('drop'),

  label('destroy'),
  findAttribute(CTA_PROTOINFO, ATTRIBUTES),
  ifEqual(0, 'pass'),
  findNested(CTA_PROTOINFO_TCP),
  ifEqual(0, 'pass'),
  findNested(CTA_PROTOINFO_TCP_STATE),
  ifEqual(0, 'pass'),
  moveToX(),
  loadByteAtX(NLA_HDRLEN),
  ifEqual(TCP_CONNTRACK_CLOSE, 'pass unless a reply was seen'),
  ifBelow(TCP_CONNTRACK_ESTABLISHED, 'drop'),
  ifAbove(TCP_CONNTRACK_LAST_ACK, 'drop'),
  jump('pass'),

  label('pass unless a reply was seen'),
  findAttribute(CTA_STATUS, ATTRIBUTES),
  ifEqual(0, 'drop'),
  moveToX(),
  loadWordAtX(NLA_HDRLEN),
  ifAnyBit(IPS_SEEN_REPLY, 'drop'),

  label('pass'),
  give(PASS),
  label('drop'),
  give(DROP),
]);
