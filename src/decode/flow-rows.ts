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
  NLA_HDRLEN,
} from '../lib/ctnetlink.ts';
import { TCP_STATES } from '../model/flow-event.ts';
import type { FlowRow } from '../model/flow-row.ts';
import { lengthAt, Malformed, sizedU8, sizedU16, sizedU32, typeAt, wordAt } from './attributes.ts';

const ALL_ADDRESSES = 0b1111;

/**
 * Reads the entries of a dump one after another into itself, without making anything: the same messages as entry.ts
 * reads, only what a snapshot needs of them. Attributes are walked by plain offsets and not by cursors, which halves
 * the cost, by the checked reads of attributes.ts.
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
    for (let at = start; at + NLA_HDRLEN <= end; ) {
      const length = lengthAt(bytes, at, end);
      const value = at + NLA_HDRLEN;
      const stop = at + length;
      switch (typeAt(bytes, at)) {
        case CTA_TUPLE_ORIG:
          this.#readTuple(bytes, value, stop, 0);
          if (this.#protocol !== IPPROTO_TCP) return this.#notTcp();
          break;
        case CTA_TUPLE_REPLY:
          this.#readTuple(bytes, value, stop, 2);
          break;
        case CTA_STATUS:
          this.status = sizedU32(bytes, value, length);
          break;
        case CTA_TIMEOUT:
          this.timeoutSeconds = sizedU32(bytes, value, length);
          break;
        case CTA_PROTOINFO:
          this.#readProtocolInfo(bytes, value, stop);
          break;
        case CTA_ZONE:
          this.zone = sizedU16(bytes, value, length);
          break;
      }
      at += (length + 3) & ~3;
    }
    if (this.#found !== ALL_ADDRESSES) throw new Malformed('missing_tuple');
    return true;
  }

  #notTcp(): false {
    if (this.#protocol === 0) throw new Malformed('missing_tuple');
    return false;
  }

  /** `which` 0: the original tuple; 2: the reply tuple. */
  #readTuple(bytes: Uint8Array, start: number, end: number, which: 0 | 2): void {
    let sport = 0;
    let dport = 0;
    for (let at = start; at + NLA_HDRLEN <= end; ) {
      const length = lengthAt(bytes, at, end);
      const stop = at + length;
      const type = typeAt(bytes, at);
      if (type === CTA_TUPLE_IP) {
        for (let inner = at + NLA_HDRLEN; inner + NLA_HDRLEN <= stop; ) {
          const size = lengthAt(bytes, inner, stop);
          const kind = typeAt(bytes, inner);
          if (kind === CTA_IP_V4_SRC) this.#v4(bytes, inner + NLA_HDRLEN, size, which);
          else if (kind === CTA_IP_V4_DST) this.#v4(bytes, inner + NLA_HDRLEN, size, which + 1);
          else if (kind === CTA_IP_V6_SRC) this.#v6(bytes, inner + NLA_HDRLEN, size, which);
          else if (kind === CTA_IP_V6_DST) this.#v6(bytes, inner + NLA_HDRLEN, size, which + 1);
          inner += (size + 3) & ~3;
        }
      } else if (type === CTA_TUPLE_PROTO) {
        for (let inner = at + NLA_HDRLEN; inner + NLA_HDRLEN <= stop; ) {
          const size = lengthAt(bytes, inner, stop);
          const kind = typeAt(bytes, inner);
          if (kind === CTA_PROTO_NUM) this.#protocol = sizedU8(bytes, inner + NLA_HDRLEN, size);
          else if (kind === CTA_PROTO_SRC_PORT) sport = sizedU16(bytes, inner + NLA_HDRLEN, size);
          else if (kind === CTA_PROTO_DST_PORT) dport = sizedU16(bytes, inner + NLA_HDRLEN, size);
          inner += (size + 3) & ~3;
        }
      } else if (type === CTA_TUPLE_ZONE && which === 0) {
        this.zone = sizedU16(bytes, at + NLA_HDRLEN, length);
      }
      at += (length + 3) & ~3;
    }
    if (which === 0) {
      this.sport = sport;
      this.dport = dport;
    } else {
      this.replySport = sport;
      this.replyDport = dport;
    }
  }

  #v4(bytes: Uint8Array, value: number, length: number, which: number): void {
    this.words[which * 4] = sizedU32(bytes, value, length);
    this.v6 = false;
    this.#found |= 1 << which;
  }

  #v6(bytes: Uint8Array, value: number, length: number, which: number): void {
    if (length !== NLA_HDRLEN + 16) throw new Malformed('bad_value_size');
    for (let i = 0; i < 4; i++) this.words[which * 4 + i] = wordAt(bytes, value + 4 * i);
    this.v6 = true;
    this.#found |= 1 << which;
  }

  #readProtocolInfo(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at + NLA_HDRLEN <= end; ) {
      const length = lengthAt(bytes, at, end);
      if (typeAt(bytes, at) === CTA_PROTOINFO_TCP) {
        const stop = at + length;
        for (let inner = at + NLA_HDRLEN; inner + NLA_HDRLEN <= stop; ) {
          const size = lengthAt(bytes, inner, stop);
          if (typeAt(bytes, inner) === CTA_PROTOINFO_TCP_STATE) {
            this.tcpState = sizedU8(bytes, inner + NLA_HDRLEN, size);
            if (this.tcpState >= TCP_STATES.length) throw new Malformed('unknown_tcp_state');
          }
          inner += (size + 3) & ~3;
        }
      }
      at += (length + 3) & ~3;
    }
  }
}
