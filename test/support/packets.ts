/**
 * Builds ctnetlink messages for tests. It shares no code and no constants with src/, so that one wrong number
 * cannot hide on both sides. Numbers are those of linux/netfilter/nfnetlink_conntrack.h.
 */

export interface EntrySpec {
  readonly type: 'new' | 'update' | 'destroy';
  /** `src sport dst dport` */
  readonly original: readonly [string, number, string, number];
  readonly reply: readonly [string, number, string, number];
  readonly status?: number;
  readonly timeout?: number;
  /** Number of enum tcp_conntrack. Left out: no CTA_PROTOINFO, as in a DESTROY of Linux 5.10. */
  readonly state?: number;
  readonly id?: number;
  readonly portId?: number;
  readonly zone?: number;
  /** Zone of the original direction only. */
  readonly tupleZone?: number;
  /** Zone of the reply direction only. */
  readonly replyZone?: number;
  readonly protocol?: number;
  /** Nanoseconds since the epoch. */
  readonly eventTime?: bigint;
  readonly start?: bigint;
  readonly stop?: bigint;
  /** More attributes, already encoded. */
  readonly extra?: Buffer;
}

export function entryMessage(spec: EntrySpec): Buffer {
  const type = 0x100 | (spec.type === 'destroy' ? 2 : 0);
  const flags = spec.type === 'new' ? 0x600 : 0;
  return netlinkMessage(type, flags, entryBody(spec), spec.portId ?? 0);
}

/** An entry as a dump has it, NLM_F_MULTI; `flags` are more of them. */
export function dumpMessage(spec: Omit<EntrySpec, 'type'>, sequence: number, flags = 0): Buffer {
  return netlinkMessage(0x100, 2 | flags, entryBody(spec), 0, sequence);
}

/** NLMSG_DONE, with what the last part of the dump returned: 0 or a negative errno. */
export function doneMessage(sequence: number, result = 0, flags = 0): Buffer {
  return netlinkMessage(3, 2 | flags, int32(result), 0, sequence);
}

/** NLMSG_ERROR: a negative errno, or 0 for an acknowledgement, and the header of the request. */
export function errorMessage(sequence: number, result: number): Buffer {
  return netlinkMessage(2, 0, Buffer.concat([int32(result), Buffer.alloc(16)]), 0, sequence);
}

/** The statistics of one processor: values by their number in enum ctattr_stats_cpu. */
export function cpuStatsMessage(
  processor: number,
  values: Readonly<Record<number, number>>,
  extra: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.concat([Buffer.from([0, 0]), be16(processor)]);
  const attributes = Object.entries(values).map(([type, value]) => attr(Number(type), be32(value)));
  return netlinkMessage(0x104, 2, Buffer.concat([head, ...attributes, extra]), 0, 1);
}

function entryBody(spec: Omit<EntrySpec, 'type'>): Buffer {
  const v6 = spec.original[0].includes(':');
  const parts: Buffer[] = [
    nest(1, tuple(spec.original, spec.protocol ?? 6, spec.tupleZone)),
    nest(2, tuple(spec.reply, spec.protocol ?? 6, spec.replyZone)),
  ];
  if (spec.zone !== undefined) parts.push(attr(18, be16(spec.zone)));
  if (spec.id !== undefined) parts.push(attr(12, be32(spec.id)));
  if (spec.status !== undefined) parts.push(attr(3, be32(spec.status)));
  if (spec.timeout !== undefined) parts.push(attr(7, be32(spec.timeout)));
  if (spec.start !== undefined || spec.stop !== undefined) {
    const times: Buffer[] = [];
    if (spec.start !== undefined) times.push(attr(1, be64(spec.start)));
    if (spec.stop !== undefined) times.push(attr(2, be64(spec.stop)));
    parts.push(nest(20, Buffer.concat(times)));
  }
  if (spec.eventTime !== undefined) parts.push(attr(27, be64(spec.eventTime)));
  if (spec.state !== undefined) parts.push(nest(4, nest(1, attr(1, Buffer.from([spec.state])))));
  if (spec.extra) parts.push(spec.extra);
  return Buffer.concat([Buffer.from([v6 ? 10 : 2, 0, 0, 0]), ...parts]);
}

export function netlinkMessage(type: number, flags: number, body: Buffer, portId = 0, sequence = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(portId, 12);
  return Buffer.concat([header, body]);
}

export function attr(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + payload.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, payload, Buffer.alloc((4 - (payload.length % 4)) % 4)]);
}

export function nest(type: number, body: Buffer): Buffer {
  return attr(type | 0x8000, body);
}

function tuple([src, sport, dst, dport]: EntrySpec['original'], protocol: number, zone?: number): Buffer {
  const v6 = src.includes(':');
  const parts = [
    nest(1, Buffer.concat([attr(v6 ? 3 : 1, address(src)), attr(v6 ? 4 : 2, address(dst))])),
    nest(2, Buffer.concat([attr(1, Buffer.from([protocol])), attr(2, be16(sport)), attr(3, be16(dport))])),
  ];
  if (zone !== undefined) parts.push(attr(3, be16(zone)));
  return Buffer.concat(parts);
}

/** IPv6 only in the form `a:b::c`, which is all the tests use. */
export function address(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [head = '', tail = ''] = text.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function be16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function be64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
