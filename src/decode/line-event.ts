import { canonicalIp } from '../lib/canonical-ip.ts';
import { ipv4Text } from '../lib/ip-text.ts';
import type { Tuple } from '../model/flow.ts';
import { type FlowEvent, TCP_STATES } from '../model/flow-event.ts';
import type { EventLine } from './event-line.ts';
import { isDigit } from './line-bytes.ts';

/** The longest IPv6 address: eight groups of four, or one with an IPv4 address at its end. */
const MAX_ADDRESS = 45;
const DOT = 0x2e;
const scratch = new Uint8Array(4);

/**
 * The event of a TCP line, from the bytes it was read from; undefined if an address is none. Text does not have the
 * status word. What it has no time for happened at NaN.
 */
export function eventOfLine(line: EventLine, bytes: Uint8Array): FlowEvent | undefined {
  const original = tupleOf(line, bytes, 0);
  const reply = original && tupleOf(line, bytes, 2);
  if (!original || !reply) return undefined;
  return {
    type: line.type,
    atMs: line.timeMs,
    protocol: line.protocol,
    zone: line.zone,
    original,
    reply,
    tcpState: line.tcpState === -1 ? undefined : TCP_STATES[line.tcpState],
    seenReply: !line.unreplied,
    assured: line.assured,
    dstNat: undefined,
    status: undefined,
    timeoutSeconds: line.timeoutSeconds === -1 ? undefined : line.timeoutSeconds,
    id: line.id === -1 ? undefined : line.id,
    portId: line.portId,
  };
}

/** Whether the destination was translated, told from the bytes: both addresses were written by the same function. */
export function isLineTranslated({ addresses, ports }: EventLine, bytes: Uint8Array): boolean {
  if (ports[1] !== ports[2]) return true;
  const destination = addresses[2]!;
  const source = addresses[4]!;
  const length = addresses[3]! - destination;
  if (addresses[5]! - source !== length) return true;
  for (let i = 0; i < length; i++) if (bytes[destination + i] !== bytes[source + i]) return true;
  return false;
}

/** The original destination's address; undefined if it is none. */
export function destinationOfLine({ addresses }: EventLine, bytes: Uint8Array): string | undefined {
  return addressText(bytes, addresses[2]!, addresses[3]!);
}

/** `first`: the index of the tuple's source among the four addresses and ports. */
function tupleOf({ addresses, ports }: EventLine, bytes: Uint8Array, first: 0 | 2): Tuple | undefined {
  const at = first * 2;
  const src = addressText(bytes, addresses[at]!, addresses[at + 1]!);
  const dst = addressText(bytes, addresses[at + 2]!, addresses[at + 3]!);
  if (src === undefined || dst === undefined) return undefined;
  return { src, sport: ports[first]!, dst, dport: ports[first + 1]! };
}

function addressText(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > MAX_ADDRESS) return undefined;
  return readIpv4(bytes, from, to)
    ? ipv4Text(scratch, 0)
    : canonicalIp(String.fromCharCode(...bytes.subarray(from, to)));
}

/** Into `scratch`. The addresses of a recording are few: their texts are remembered by ipv4Text, none is made here. */
function readIpv4(bytes: Uint8Array, from: number, to: number): boolean {
  let part = 0;
  let digits = 0;
  let parts = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (isDigit(byte) && digits < 3) {
      part = part * 10 + byte - 0x30;
      digits++;
      if (part > 255) return false;
    } else if (byte === DOT && digits > 0 && parts < 3) {
      scratch[parts++] = part;
      part = digits = 0;
    } else return false;
  }
  if (parts !== 3 || digits === 0) return false;
  scratch[3] = part;
  return true;
}
