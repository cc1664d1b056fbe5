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

/*
 * Netlink attributes: `struct nlattr` is nla_len u16 and nla_type u16 in host order, then the payload, padded to 4
 * bytes; values of nfnetlink are big-endian. The checks that keep a reader inside of what was received are all in this
 * file.
 */

/** nla_len of the attribute at `at`, whose parent ends at `end`: at least its header, at most the parent. */
export function lengthAt(bytes: Uint8Array, at: number, end: number): number {
  const length = bytes[at]! | (bytes[at + 1]! << 8);
  if (length < NLA_HDRLEN || at + length > end) throw new Malformed('bad_attribute_length');
  return length;
}

/** nla_type without its flags. At least four bytes must be there. */
export function typeAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 2]! | (bytes[at + 3]! << 8)) & NLA_TYPE_MASK;
}

/** The values of attributes whose `length` lengthAt gave, at `value`. */
export function sizedU8(bytes: Uint8Array, value: number, length: number): number {
  if (length !== NLA_HDRLEN + 1) throw new Malformed('bad_value_size');
  return bytes[value]!;
}

export function sizedU16(bytes: Uint8Array, value: number, length: number): number {
  if (length !== NLA_HDRLEN + 2) throw new Malformed('bad_value_size');
  return (bytes[value]! << 8) | bytes[value + 1]!;
}

export function sizedU32(bytes: Uint8Array, value: number, length: number): number {
  if (length !== NLA_HDRLEN + 4) throw new Malformed('bad_value_size');
  return wordAt(bytes, value);
}

/** Four bytes, big-endian. The caller has checked that they are there. */
export function wordAt(b: Uint8Array, at: number): number {
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

/**
 * A cursor over attributes. Every read is checked against the attribute, every attribute against its parent.
 */
export class Attributes {
  readonly #bytes: Uint8Array;
  readonly #end: number;
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
    const length = lengthAt(this.#bytes, at, this.#end);
    this.type = typeAt(this.#bytes, at);
    this.#value = at + NLA_HDRLEN;
    this.#size = length - NLA_HDRLEN;
    this.#next = at + ((length + 3) & ~3);
    return true;
  }

  nested(): Attributes {
    return new Attributes(this.#bytes, this.#value, this.#value + this.#size);
  }

  u8(): number {
    return this.#bytes[this.#sized(1)]!;
  }

  u16(): number {
    const at = this.#sized(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return wordAt(this.#bytes, this.#sized(4));
  }

  /** Nanoseconds since the epoch to milliseconds; a double keeps them to a quarter of a microsecond. */
  nanosecondsAsMs(): number {
    const at = this.#sized(8);
    return (wordAt(this.#bytes, at) * 4294967296 + wordAt(this.#bytes, at + 4)) / 1e6;
  }

  ipv4(): string {
    return ipv4Text(this.#bytes, this.#sized(4));
  }

  ipv6(): string {
    return ipv6Text(this.#bytes, this.#sized(16));
  }

  /** A C string: up to its NUL, or all there is. */
  text(): string {
    const bytes = this.#bytes.subarray(this.#value, this.#value + this.#size);
    const end = bytes.indexOf(0);
    return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('latin1');
  }

  #sized(size: number): number {
    if (this.#size !== size) throw new Malformed('bad_value_size');
    return this.#value;
  }
}
