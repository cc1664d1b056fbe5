import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TIMESTAMP,
  CTA_TIMESTAMP_EVENT,
  CTA_TIMESTAMP_START,
  CTA_TIMESTAMP_STOP,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_TUPLE_ZONE,
  CTA_ZONE,
  IPS_ASSURED,
  IPS_DST_NAT,
  IPS_SEEN_REPLY,
} from '../lib/ctnetlink.ts';
import { type FlowEvent, TCP_STATES, type TcpState } from '../model/flow-event.ts';
import { type Attributes, Malformed } from './attributes.ts';

/**
 * One conntrack entry, the payload of every ctnetlink message:
 *
 *   entry     = CTA_TUPLE_ORIG tuple, CTA_TUPLE_REPLY tuple, [CTA_ZONE u16], CTA_ID u32, CTA_STATUS u32,
 *               [CTA_TIMEOUT u32 s], [CTA_PROTOINFO { CTA_PROTOINFO_TCP { CTA_PROTOINFO_TCP_STATE u8 } }],
 *               [CTA_TIMESTAMP { START u64 ns, STOP u64 ns }], [CTA_TIMESTAMP_EVENT u64 ns], others
 *   tuple     = CTA_TUPLE_IP { CTA_IP_V4_SRC, _DST | CTA_IP_V6_SRC, _DST },
 *               CTA_TUPLE_PROTO { CTA_PROTO_NUM u8, [CTA_PROTO_SRC_PORT be16, _DST_PORT be16] }, [CTA_TUPLE_ZONE u16]
 *
 * Source: net/netfilter/nf_conntrack_netlink.c, ctnetlink_fill_info and ctnetlink_conntrack_event.
 * Attributes come in any order; unknown ones are skipped. Throws Malformed.
 */
export function decodeEntry(
  attributes: Attributes,
  type: FlowEvent['type'],
  portId: number,
  receivedAtMs: number,
): FlowEvent {
  let original: DecodedTuple | undefined;
  let reply: DecodedTuple | undefined;
  let zone: number | undefined;
  let status = 0;
  let timeoutSeconds: number | undefined;
  let tcpState: TcpState | undefined;
  let id: number | undefined;
  let eventMs: number | undefined;
  let span: TimeStamps | undefined;
  while (attributes.advance()) {
    switch (attributes.type) {
      case CTA_TUPLE_ORIG:
        original = decodeTuple(attributes.nested());
        break;
      case CTA_TUPLE_REPLY:
        reply = decodeTuple(attributes.nested());
        break;
      case CTA_STATUS:
        status = attributes.u32();
        break;
      case CTA_PROTOINFO:
        tcpState = decodeProtocolInfo(attributes.nested());
        break;
      case CTA_TIMEOUT:
        timeoutSeconds = attributes.u32();
        break;
      case CTA_ID:
        id = attributes.u32();
        break;
      case CTA_ZONE:
        zone = attributes.u16();
        break;
      case CTA_TIMESTAMP:
        span = decodeTimeStamps(attributes.nested());
        break;
      case CTA_TIMESTAMP_EVENT:
        eventMs = attributes.nanosecondsAsMs();
        break;
    }
  }
  if (!original || !reply) throw new Malformed('missing_tuple');
  return {
    type,
    atMs: eventMs ?? (type === 'destroy' ? span?.stopMs : undefined) ?? receivedAtMs,
    protocol: original.protocol,
    // An entry whose zone applies to one direction only carries it in that direction's tuple.
    zone: zone ?? original.zone ?? 0,
    original: original.tuple,
    reply: reply.tuple,
    tcpState,
    seenReply: (status & IPS_SEEN_REPLY) !== 0,
    assured: (status & IPS_ASSURED) !== 0,
    dstNat: (status & IPS_DST_NAT) !== 0,
    status,
    timeoutSeconds,
    id,
    portId,
    startedAtMs: span?.startMs,
  };
}

interface DecodedTuple {
  readonly tuple: FlowEvent['original'];
  readonly protocol: number;
  readonly zone: number | undefined;
}

function decodeTuple(attributes: Attributes): DecodedTuple {
  let src: string | undefined;
  let dst: string | undefined;
  let protocol: number | undefined;
  let sport = 0;
  let dport = 0;
  let zone: number | undefined;
  while (attributes.advance()) {
    if (attributes.type === CTA_TUPLE_IP) {
      const ip = attributes.nested();
      while (ip.advance()) {
        if (ip.type === CTA_IP_V4_SRC) src = ip.ipv4();
        else if (ip.type === CTA_IP_V4_DST) dst = ip.ipv4();
        else if (ip.type === CTA_IP_V6_SRC) src = ip.ipv6();
        else if (ip.type === CTA_IP_V6_DST) dst = ip.ipv6();
      }
    } else if (attributes.type === CTA_TUPLE_PROTO) {
      const proto = attributes.nested();
      while (proto.advance()) {
        if (proto.type === CTA_PROTO_NUM) protocol = proto.u8();
        else if (proto.type === CTA_PROTO_SRC_PORT) sport = proto.u16();
        else if (proto.type === CTA_PROTO_DST_PORT) dport = proto.u16();
      }
    } else if (attributes.type === CTA_TUPLE_ZONE) {
      zone = attributes.u16();
    }
  }
  if (src === undefined || dst === undefined || protocol === undefined) throw new Malformed('missing_tuple');
  return { tuple: { src, sport, dst, dport }, protocol, zone };
}

function decodeProtocolInfo(attributes: Attributes): TcpState | undefined {
  let state: TcpState | undefined;
  while (attributes.advance()) {
    if (attributes.type !== CTA_PROTOINFO_TCP) continue;
    const tcp = attributes.nested();
    while (tcp.advance()) {
      if (tcp.type !== CTA_PROTOINFO_TCP_STATE) continue;
      state = TCP_STATES[tcp.u8()];
      if (state === undefined) throw new Malformed('unknown_tcp_state');
    }
  }
  return state;
}

interface TimeStamps {
  readonly startMs: number | undefined;
  readonly stopMs: number | undefined;
}

function decodeTimeStamps(attributes: Attributes): TimeStamps {
  let startMs: number | undefined;
  let stopMs: number | undefined;
  while (attributes.advance()) {
    if (attributes.type === CTA_TIMESTAMP_START) startMs = attributes.nanosecondsAsMs();
    else if (attributes.type === CTA_TIMESTAMP_STOP) stopMs = attributes.nanosecondsAsMs();
  }
  return { startMs, stopMs };
}
