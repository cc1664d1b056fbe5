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
  const view = new DataView(header.buffer);
  view.setUint32(0, header.length + body.reduce((sum, part) => sum + part.length, 0), true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint8(16, family);
  view.setUint8(17, NFNETLINK_V0);
  return Buffer.concat([header, ...body]);
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
