import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_STATUS,
  CTA_STATUS_MASK,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_ZONE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_STATS_CPU,
  IPPROTO_TCP,
  IPS_ASSURED,
  IPS_DST_NAT,
  NFGENMSG_LEN,
  NFNETLINK_V0,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETCHAIN,
  NLA_F_NESTED,
  NLA_HDRLEN,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import { ipBytes } from '../lib/ip-text.ts';
import type { Tuple } from '../model/flow.ts';
import type { EntryKey } from '../model/protection.ts';

/** Every message the program sends is made in this file. They read; none changes anything. */

/** nlmsg_type has the subsystem in its high byte. */
const CTNETLINK = NFNL_SUBSYS_CTNETLINK << 8;
const NFTABLES = NFNL_SUBSYS_NFTABLES << 8;

/** Asks for the one TCP entry with this original tuple: IPCTNL_MSG_CT_GET without NLM_F_DUMP. */
export function getEntryRequest(sequence: number, zone: number, tuple: Tuple): Uint8Array {
  const src = ipBytes(tuple.src);
  const v6 = src.length === 16;
  const ip = nested(CTA_TUPLE_IP, [
    attribute(v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, src),
    attribute(v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, ipBytes(tuple.dst)),
  ]);
  const proto = nested(CTA_TUPLE_PROTO, [
    attribute(CTA_PROTO_NUM, Uint8Array.of(IPPROTO_TCP)),
    attribute(CTA_PROTO_SRC_PORT, be16(tuple.sport)),
    attribute(CTA_PROTO_DST_PORT, be16(tuple.dport)),
  ]);
  const attributes = [nested(CTA_TUPLE_ORIG, [ip, proto])];
  if (zone !== 0) attributes.push(attribute(CTA_ZONE, be16(zone)));
  return message(CTNETLINK | IPCTNL_MSG_CT_GET, NLM_F_REQUEST, sequence, v6 ? AF_INET6 : AF_INET, attributes);
}

/** The most that putEntryRequest writes. */
export const ENTRY_REQUEST_BYTES = 104;

/** Writes the same question at `at`, without making anything: many are asked at once. Returns where it ends. */
export function putEntryRequest(bytes: Uint8Array, at: number, sequence: number, key: EntryKey): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { v6, words, zone } = key;
  const addressBytes = v6 ? 16 : 4;
  const ipBytes = NLA_HDRLEN + 2 * (NLA_HDRLEN + addressBytes);
  const protoBytes = NLA_HDRLEN + 3 * (NLA_HDRLEN + 4);
  const length =
    NLMSG_HDRLEN + NFGENMSG_LEN + NLA_HDRLEN + ipBytes + protoBytes + (zone === 0 ? 0 : NLA_HDRLEN + 4);
  bytes.fill(0, at, at + length);
  putHeader(
    view,
    at,
    CTNETLINK | IPCTNL_MSG_CT_GET,
    NLM_F_REQUEST,
    sequence,
    v6 ? AF_INET6 : AF_INET,
    length,
  );
  let next = at + NLMSG_HDRLEN + NFGENMSG_LEN;
  const put = (type: number, payload: number) => {
    view.setUint16(next, NLA_HDRLEN + payload, true);
    view.setUint16(next + 2, type, true);
    next += NLA_HDRLEN;
  };
  const address = (type: number, from: number) => {
    put(type, addressBytes);
    for (let i = 0; i < addressBytes / 4; i++, next += 4) view.setUint32(next, words[from + i]!);
  };
  const port = (type: number, value: number) => {
    put(type, 2);
    view.setUint16(next, value);
    next += 4;
  };
  put(CTA_TUPLE_ORIG | NLA_F_NESTED, ipBytes + protoBytes);
  put(CTA_TUPLE_IP | NLA_F_NESTED, ipBytes - NLA_HDRLEN);
  address(v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, 0);
  address(v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, 4);
  put(CTA_TUPLE_PROTO | NLA_F_NESTED, protoBytes - NLA_HDRLEN);
  put(CTA_PROTO_NUM, 1);
  view.setUint8(next, IPPROTO_TCP);
  next += 4;
  port(CTA_PROTO_SRC_PORT, key.sport);
  port(CTA_PROTO_DST_PORT, key.dport);
  if (zone !== 0) port(CTA_ZONE, zone);
  return next;
}

/**
 * Asks for every entry of both families that is ASSURED (its handshake was completed, and a reply was seen), and if so
 * wanted has DST_NAT, which IPVS does not set on what it translates. The kernel leaves out the rest before it makes a
 * message of it (ctnetlink_filter_match); older kernels ignore that, so the answer is checked again.
 */
export function dumpEntriesRequest(sequence: number, dstNatOnly: boolean): Uint8Array {
  const status = be32(dstNatOnly ? IPS_ASSURED | IPS_DST_NAT : IPS_ASSURED);
  const attributes = [attribute(CTA_STATUS, status), attribute(CTA_STATUS_MASK, status)];
  return message(CTNETLINK | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence, AF_UNSPEC, attributes);
}

/** Asks for the statistics of each CPU, one message each. */
export function dumpStatsRequest(sequence: number): Uint8Array {
  return message(
    CTNETLINK | IPCTNL_MSG_CT_GET_STATS_CPU,
    NLM_F_REQUEST | NLM_F_DUMP,
    sequence,
    AF_UNSPEC,
    [],
  );
}

/** Asks for the chains of nftables, of all families and tables; those of iptables-nft are among them. */
export function dumpChainsRequest(sequence: number): Uint8Array {
  return message(NFTABLES | NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP, sequence, AF_UNSPEC, []);
}

/** nlmsghdr and nfgenmsg before the attributes; lengths and types in host order, which is little-endian. */
function message(
  type: number,
  flags: number,
  sequence: number,
  family: number,
  body: Uint8Array[],
): Uint8Array {
  const header = new Uint8Array(NLMSG_HDRLEN + NFGENMSG_LEN);
  const length = header.length + body.reduce((sum, part) => sum + part.length, 0);
  putHeader(new DataView(header.buffer), 0, type, flags, sequence, family, length);
  return Buffer.concat([header, ...body]);
}

/** `length` is that of the whole message. */
function putHeader(
  view: DataView,
  at: number,
  type: number,
  flags: number,
  sequence: number,
  family: number,
  length: number,
): void {
  view.setUint32(at, length, true);
  view.setUint16(at + 4, type, true);
  view.setUint16(at + 6, flags, true);
  view.setUint32(at + 8, sequence, true);
  view.setUint8(at + 16, family);
  view.setUint8(at + 17, NFNETLINK_V0);
}

function attribute(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((NLA_HDRLEN + payload.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, NLA_HDRLEN + payload.length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, NLA_HDRLEN);
  return bytes;
}

function nested(type: number, parts: Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

function be16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}
