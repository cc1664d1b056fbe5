import { NLA_HDRLEN, NLA_TYPE_MASK } from '../lib/ctnetlink.ts';
import { ipv4Text, ipv6Text } from '../lib/ip-text.ts';

/** Why a message could not be read. A closed list: it is a metric label. */
export const MALFORMED_REASONS = [
  'truncated_datagram',
  'bad_message_length',
  'short_payload',
  'bad_attribute_length',
  'bad_value_size',
  'missing_tuple',
  'unknown_tcp_state',
] as const;
export type MalformedReason = (typeof MALFORMED_REASONS)[number];

/** Ends the reading of one message; caught where the next message begins. */
export class Malformed extends Error {
  readonly reason: MalformedReason;
  constructor(reason: MalformedReason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * A cursor over netlink attributes, the only code that computes offsets into received bytes. `struct nlattr`
 * is nla_len u16 and nla_type u16 in host order, then the payload, padded to 4 bytes; values of nfnetlink are
 * big-endian. Every read is checked against the attribute, every attribute against its parent.
 */
export class Attributes {
  #bytes: Uint8Array;
  #end: number;
  #next: number;
  #value = 0;
  #size = 0;
  /** CTA_* number of the attribute that `advance` stopped at. */
  type = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
  }

  /** Steps to the next attribute. False at the end; fewer bytes than a header there are padding. */
  advance(): boolean {
    const at = this.#next;
    if (at + NLA_HDRLEN > this.#end) return false;
    const length = this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
    if (length < NLA_HDRLEN || at + length > this.#end) throw new Malformed('bad_attribute_length');
    this.type = (this.#bytes[at + 2]! | (this.#bytes[at + 3]! << 8)) & NLA_TYPE_MASK;
    this.#value = at + NLA_HDRLEN;
    this.#size = length - NLA_HDRLEN;
    this.#next = at + ((length + 3) & ~3);
    return true;
  }

  nested(): Attributes {
    return new Attributes(this.#bytes, this.#value, this.#value + this.#size);
  }

  /** Like `nested`, into a cursor that is already there. */
  nestedInto(cursor: Attributes): Attributes {
    cursor.reset(this.#bytes, this.#value, this.#value + this.#size);
    return cursor;
  }

  /** Begins anew. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
  }

  u8(): number {
    return this.#bytes[this.#sized(1)]!;
  }

  u16(): number {
    const at = this.#sized(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return this.#word(this.#sized(4));
  }

  /** Nanoseconds since the epoch to milliseconds; a double keeps them to a quarter of a microsecond. */
  nanosecondsAsMs(): number {
    const at = this.#sized(8);
    return (this.#word(at) * 4294967296 + this.#word(at + 4)) / 1e6;
  }

  ipv4(): string {
    return ipv4Text(this.#bytes, this.#sized(4));
  }

  ipv6(): string {
    return ipv6Text(this.#bytes, this.#sized(16));
  }

  /** An IPv4 address as one number. */
  ipv4Word(): number {
    return this.#word(this.#sized(4));
  }

  /** An IPv6 address as four numbers, most significant first. */
  ipv6Words(into: Uint32Array, at: number): void {
    const value = this.#sized(16);
    for (let i = 0; i < 4; i++) into[at + i] = this.#word(value + 4 * i);
  }

  #sized(size: number): number {
    if (this.#size !== size) throw new Malformed('bad_value_size');
    return this.#value;
  }

  #word(at: number): number {
    const b = this.#bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }
}
