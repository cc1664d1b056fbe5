/**
 * Reads netlink messages for tests: what a program sent, taken apart. It shares no code and no constants with src/, like
 * packets.ts, which writes them. Anything that is not whole is an error here.
 */

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  /** What follows the header: nfgenmsg and attributes. */
  readonly body: Buffer;
}

export interface NetlinkAttribute {
  /** Without the flags NESTED and NET_BYTEORDER. */
  readonly type: number;
  readonly value: Buffer;
}

/** Of struct nfgenmsg: family, version, and the number of a resource. */
export interface NetfilterBody {
  readonly family: number;
  readonly version: number;
  readonly resource: number;
  readonly attributes: readonly NetlinkAttribute[];
}

export interface ReadTuple {
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly protocol: number;
  readonly zone: number | undefined;
}

/** All messages of a datagram. */
export function messagesOf(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < 16 ? 0 : bytes.readUInt32LE(at);
    if (length < 16 || at + length > bytes.length) throw new Error(`a message cut off at ${at}`);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      portId: bytes.readUInt32LE(at + 12),
      body: bytes.subarray(at + 16, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

export function netfilterBody(body: Buffer): NetfilterBody {
  if (body.length < 4) throw new Error('no nfgenmsg');
  return {
    family: body[0]!,
    version: body[1]!,
    resource: body.readUInt16BE(2),
    attributes: attributesOf(body.subarray(4)),
  };
}

export function attributesOf(bytes: Buffer): NetlinkAttribute[] {
  const attributes: NetlinkAttribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < 4 ? 0 : bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) throw new Error(`an attribute cut off at ${at}`);
    attributes.push({
      type: bytes.readUInt16LE(at + 2) & 0x3fff,
      value: bytes.subarray(at + 4, at + length),
    });
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** CTA_TUPLE_ORIG or CTA_TUPLE_REPLY: addresses (1), protocol and ports (2), a zone of its own (3). */
export function tupleOf(value: Buffer): ReadTuple {
  const parts = attributesOf(value);
  const ip = attributesOf(only(parts, 1));
  const proto = attributesOf(only(parts, 2));
  const v6 = ip.some(({ type }) => type === 3);
  if (parts.some(({ type }) => type > 3) || ip.length !== 2 || proto.length !== 3) {
    throw new Error(`more in a tuple than belongs there: ${value.toString('hex')}`);
  }
  return {
    src: addressText(only(ip, v6 ? 3 : 1)),
    dst: addressText(only(ip, v6 ? 4 : 2)),
    protocol: only(proto, 1).readUInt8(),
    sport: only(proto, 2).readUInt16BE(),
    dport: only(proto, 3).readUInt16BE(),
    zone: parts.find(({ type }) => type === 3)?.value.readUInt16BE(),
  };
}

function only(attributes: readonly NetlinkAttribute[], wanted: number): Buffer {
  const found = attributes.filter(({ type }) => type === wanted);
  if (found.length !== 1) throw new Error(`attribute ${wanted} is there ${found.length} times`);
  return found[0]!.value;
}

/** IPv6 addresses in full: eight groups of four digits. */
function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  return bytes.toString('hex').match(/.{4}/g)!.join(':');
}
