import {
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
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_TUPLE_ZONE,
  CTA_ZONE,
  IPPROTO_TCP,
} from '../lib/ctnetlink.ts';
import { TCP_STATES } from '../model/flow-event.ts';
import type { FlowRow } from '../model/flow-row.ts';
import { Attributes, Malformed } from './attributes.ts';

const NO_BYTES = new Uint8Array(0);
/** Bits of #found: one for each of the four addresses. */
const ALL_ADDRESSES = 0b1111;

/**
 * Reads the entries of a dump one after another into itself, without making anything: the same messages as entry.ts
 * reads, only what a snapshot needs of them, at a fifth of the cost.
 */
export class FlowRowReader implements FlowRow {
  readonly words = new Uint32Array(16);
  v6 = false;
  sport = 0;
  dport = 0;
  replySport = 0;
  replyDport = 0;
  zone = 0;
  status = 0;
  tcpState = 0;
  timeoutSeconds = 0;
  #protocol = 0;
  #found = 0;
  readonly #entry = new Attributes(NO_BYTES, 0, 0);
  readonly #middle = new Attributes(NO_BYTES, 0, 0);
  readonly #inner = new Attributes(NO_BYTES, 0, 0);

  /**
   * Reads the entry whose attributes lie from `start` to `end`. False if it is not TCP, and then the fields hold
   * nothing of use. Throws Malformed.
   */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.v6 = false;
    this.zone = 0;
    this.status = 0;
    this.tcpState = 0;
    this.timeoutSeconds = 0;
    this.#protocol = 0;
    this.#found = 0;
    const entry = this.#entry;
    entry.reset(bytes, start, end);
    while (entry.advance()) {
      switch (entry.type) {
        case CTA_TUPLE_ORIG:
          this.#readTuple(entry.nestedInto(this.#middle), 0);
          if (this.#protocol !== IPPROTO_TCP) return this.#notTcp();
          break;
        case CTA_TUPLE_REPLY:
          this.#readTuple(entry.nestedInto(this.#middle), 2);
          break;
        case CTA_STATUS:
          this.status = entry.u32();
          break;
        case CTA_TIMEOUT:
          this.timeoutSeconds = entry.u32();
          break;
        case CTA_PROTOINFO:
          this.#readProtocolInfo(entry.nestedInto(this.#middle));
          break;
        case CTA_ZONE:
          this.zone = entry.u16();
          break;
      }
    }
    if (this.#found !== ALL_ADDRESSES) throw new Malformed('missing_tuple');
    return true;
  }

  #notTcp(): false {
    if (this.#protocol === 0) throw new Malformed('missing_tuple');
    return false;
  }

  /** `at` 0: the original tuple; 2: the reply tuple. */
  #readTuple(tuple: Attributes, at: 0 | 2): void {
    let sport = 0;
    let dport = 0;
    while (tuple.advance()) {
      if (tuple.type === CTA_TUPLE_IP) {
        const ip = tuple.nestedInto(this.#inner);
        while (ip.advance()) {
          if (ip.type === CTA_IP_V4_SRC) this.#address(ip, at, false);
          else if (ip.type === CTA_IP_V4_DST) this.#address(ip, at + 1, false);
          else if (ip.type === CTA_IP_V6_SRC) this.#address(ip, at, true);
          else if (ip.type === CTA_IP_V6_DST) this.#address(ip, at + 1, true);
        }
      } else if (tuple.type === CTA_TUPLE_PROTO) {
        const proto = tuple.nestedInto(this.#inner);
        while (proto.advance()) {
          if (proto.type === CTA_PROTO_NUM) this.#protocol = proto.u8();
          else if (proto.type === CTA_PROTO_SRC_PORT) sport = proto.u16();
          else if (proto.type === CTA_PROTO_DST_PORT) dport = proto.u16();
        }
      } else if (tuple.type === CTA_TUPLE_ZONE && at === 0) {
        this.zone = tuple.u16();
      }
    }
    if (at === 0) {
      this.sport = sport;
      this.dport = dport;
    } else {
      this.replySport = sport;
      this.replyDport = dport;
    }
  }

  #address(ip: Attributes, which: number, v6: boolean): void {
    if (v6) ip.ipv6Words(this.words, which * 4);
    else this.words[which * 4] = ip.ipv4Word();
    this.v6 = v6;
    this.#found |= 1 << which;
  }

  #readProtocolInfo(info: Attributes): void {
    while (info.advance()) {
      if (info.type !== CTA_PROTOINFO_TCP) continue;
      const tcp = info.nestedInto(this.#inner);
      while (tcp.advance()) {
        if (tcp.type !== CTA_PROTOINFO_TCP_STATE) continue;
        this.tcpState = tcp.u8();
        if (this.tcpState >= TCP_STATES.length) throw new Malformed('unknown_tcp_state');
      }
    }
  }
}
