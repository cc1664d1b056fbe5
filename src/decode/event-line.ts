import { IPPROTO_TCP } from '../lib/ctnetlink.ts';
import { PORT_ID_NOT_TOLD, TCP_STATES } from '../model/flow-event.ts';
import { ascii, isAt, isDigit, numberAt, tokenEnd } from './line-bytes.ts';

/**
 * One line of `conntrack -E`, as numbers and as places in its bytes: a recording has millions, so nothing is made for
 * each. The reader overwrites it with the next one. What the line does not have is -1, the time NaN.
 */
export interface EventLine {
  type: 'new' | 'update' | 'destroy';
  /** Of `-o timestamp`, epoch milliseconds. */
  timeMs: number;
  /** IP protocol number. Of another than TCP nothing below is read. */
  protocol: number;
  /** Index into TCP_STATES. */
  tcpState: number;
  timeoutSeconds: number;
  unreplied: boolean;
  assured: boolean;
  /** 0: the kernel itself. */
  portId: number;
  id: number;
  zone: number;
  /** From and to of four addresses: original source and destination, reply source and destination. */
  readonly addresses: Int32Array;
  /** Their ports, in the same order. */
  readonly ports: Int32Array;
}

/** `other`: no event at all, such as a heading. `unreadable`: it begins like an event and does not go on like one. */
export type LineKind = 'event' | 'unreadable' | 'other';

export function createEventLine(): EventLine {
  return {
    type: 'new',
    timeMs: Number.NaN,
    protocol: 0,
    tcpState: -1,
    timeoutSeconds: -1,
    unreplied: false,
    assured: false,
    portId: 0,
    id: -1,
    zone: 0,
    addresses: new Int32Array(8),
    ports: new Int32Array(4),
  };
}

const NEW = ascii('[NEW]');
const UPDATE = ascii('[UPDATE]');
const DESTROY = ascii('[DESTROY]');
const IPV4 = ascii('ipv4 ');
const IPV6 = ascii('ipv6 ');
const SRC = ascii('src=');
const DST = ascii('dst=');
const SPORT = ascii('sport=');
const DPORT = ascii('dport=');
const ID = ascii('id=');
const ZONE = ascii('zone=');
const ORIGINAL_ZONE = ascii('zone-orig=');
const UNREPLIED = ascii('[UNREPLIED]');
const ASSURED = ascii('[ASSURED]');
const OFFLOAD = ascii('[OFFLOAD]');
const HW_OFFLOAD = ascii('[HW_OFFLOAD]');
const USERSPACE = ascii('[USERSPACE]');
const USERSPACE_PORT_ID = ascii(' portid=');
const STATES = TCP_STATES.map(ascii);

const SPACE = 0x20;
const TAB = 0x09;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const DOT = 0x2e;

/**
 * Reads the bytes from `from` to `to`, a line without its line feed. Never throws.
 *
 *   line   = ["[" seconds "." microseconds "]" tab] event
 *   event  = {space} "[NEW]" | "[UPDATE]" | "[DESTROY]"   ["ipv4" "2" | "ipv6" "10"]  protocol-name protocol-number
 *            [timeout] [state] tuple ["[UNREPLIED]"] tuple ["[ASSURED]" | "[OFFLOAD]" | "[HW_OFFLOAD]"] {other}
 *            ["[USERSPACE]" ["portid=" number ["progname=" anything]]]
 *   tuple  = "src=" address "dst=" address "sport=" number "dport=" number ["zone-orig=" n | "zone-reply=" n]
 *            ["packets=" n "bytes=" n]
 *   other  = mark=, secmark=, secctx=, zone=, delta-time=, "[start=" date "]", "[stop=" date "]", helper=, use=, id=,
 *            labels=
 *
 * Source: event_cb of conntrack-tools' src/conntrack.c, __snprintf_conntrack_default of libnetfilter_conntrack's
 * src/conntrack/snprintf_default.c. What a program calls itself comes last and may hold anything.
 */
export function readEventLine(line: EventLine, bytes: Uint8Array, from: number, to: number): LineKind {
  let end = to;
  while (end > from && bytes[end - 1]! <= SPACE) end--;
  let at = from;
  line.timeMs = Number.NaN;
  if (bytes[at] === OPEN && isDigit(bytes[at + 1]!)) {
    at = readTime(line, bytes, at + 1, end);
    if (at === -1) return 'other';
  }
  at = skipBlanks(bytes, at, end);
  const type = readType(bytes, at, end);
  if (type === undefined) return 'other';
  line.type = type;
  at = skipBlanks(bytes, tokenEnd(bytes, at, end), end);
  if (isAt(bytes, at, end, IPV4) || isAt(bytes, at, end, IPV6)) {
    at = skipBlanks(bytes, tokenEnd(bytes, at, end), end);
    at = skipBlanks(bytes, tokenEnd(bytes, at, end), end);
  }
  at = skipBlanks(bytes, tokenEnd(bytes, at, end), end);
  const protocolEnd = tokenEnd(bytes, at, end);
  line.protocol = numberAt(bytes, at, protocolEnd);
  if (line.protocol === -1 || line.protocol > 255) return 'unreadable';
  if (line.protocol !== IPPROTO_TCP) return 'event';
  return readTcp(line, bytes, protocolEnd, end) ? 'event' : 'unreadable';
}

/** Returns what comes after the bracket, or -1. Old versions pad the microseconds with spaces at their right. */
function readTime(line: EventLine, bytes: Uint8Array, from: number, to: number): number {
  let dot = from;
  while (dot < to && isDigit(bytes[dot]!)) dot++;
  const seconds = numberAt(bytes, from, dot);
  if (seconds === -1 || bytes[dot] !== DOT) return -1;
  let last = dot + 1;
  while (last < to && isDigit(bytes[last]!)) last++;
  const digits = last - dot - 1;
  let close = last;
  while (close < to && bytes[close] === SPACE) close++;
  const fraction = numberAt(bytes, dot + 1, last);
  if (fraction === -1 || digits > 9 || bytes[close] !== CLOSE || close >= to) return -1;
  const milliseconds = close > last ? fraction / 1000 : fraction / 10 ** (digits - 3);
  line.timeMs = seconds * 1000 + milliseconds;
  return close + 1;
}

function readType(bytes: Uint8Array, at: number, to: number): EventLine['type'] | undefined {
  if (bytes[at] !== OPEN) return undefined;
  if (isAt(bytes, at, to, NEW)) return 'new';
  if (isAt(bytes, at, to, UPDATE)) return 'update';
  return isAt(bytes, at, to, DESTROY) ? 'destroy' : undefined;
}

/** What comes after the protocol number. False if a tuple is not whole. */
function readTcp(line: EventLine, bytes: Uint8Array, from: number, to: number): boolean {
  const { addresses, ports } = line;
  line.tcpState = line.timeoutSeconds = line.id = -1;
  line.unreplied = line.assured = false;
  line.portId = line.zone = 0;
  let sources = 0;
  let destinations = 0;
  let sourcePorts = 0;
  let destinationPorts = 0;
  let at = from;
  while (at < to) {
    const start = skipBlanks(bytes, at, to);
    at = tokenEnd(bytes, start, to);
    switch (bytes[start]) {
      case 0x73: // s
        if (isAt(bytes, start, at, SRC)) {
          if (sources === 2) return false;
          addresses[sources * 4] = start + 4;
          addresses[sources++ * 4 + 1] = at;
        } else if (isAt(bytes, start, at, SPORT)) {
          if (sourcePorts === 2 || !readPort(ports, sourcePorts++ * 2, bytes, start + 6, at)) return false;
        }
        break;
      case 0x64: // d
        if (isAt(bytes, start, at, DST)) {
          if (destinations === 2) return false;
          addresses[destinations * 4 + 2] = start + 4;
          addresses[destinations++ * 4 + 3] = at;
        } else if (isAt(bytes, start, at, DPORT)) {
          if (destinationPorts === 2) return false;
          if (!readPort(ports, destinationPorts++ * 2 + 1, bytes, start + 6, at)) return false;
        }
        break;
      case OPEN:
        if (isAt(bytes, start, at, UNREPLIED)) line.unreplied = true;
        else if (isAt(bytes, start, at, ASSURED)) line.assured = true;
        // Only a connection that is established and answered is offloaded; this word stands instead of ASSURED.
        else if (isAt(bytes, start, at, OFFLOAD) || isAt(bytes, start, at, HW_OFFLOAD)) line.assured = true;
        else if (isAt(bytes, start, at, USERSPACE)) {
          line.portId = readPortId(bytes, at, to);
          at = to;
        } else while (at < to && bytes[at - 1] !== CLOSE) at++;
        break;
      case 0x69: // i
        if (isAt(bytes, start, at, ID)) line.id = numberAt(bytes, start + 3, at);
        break;
      case 0x7a: // z
        if (isAt(bytes, start, at, ZONE)) line.zone = Math.max(0, numberAt(bytes, start + 5, at));
        else if (isAt(bytes, start, at, ORIGINAL_ZONE)) {
          line.zone = Math.max(0, numberAt(bytes, start + 10, at));
        }
        break;
      default:
        if (sources === 0) readTimeoutOrState(line, bytes, start, at);
    }
  }
  return sources === 2 && destinations === 2 && sourcePorts === 2 && destinationPorts === 2;
}

function readPort(ports: Int32Array, index: number, bytes: Uint8Array, from: number, to: number): boolean {
  const port = numberAt(bytes, from, to);
  ports[index] = port;
  return port !== -1 && port <= 0xffff;
}

function readPortId(bytes: Uint8Array, from: number, to: number): number {
  if (!isAt(bytes, from, to, USERSPACE_PORT_ID)) return PORT_ID_NOT_TOLD;
  const at = from + USERSPACE_PORT_ID.length;
  const portId = numberAt(bytes, at, tokenEnd(bytes, at, to));
  return portId > 0 ? portId : PORT_ID_NOT_TOLD;
}

function readTimeoutOrState(line: EventLine, bytes: Uint8Array, from: number, to: number): void {
  if (from >= to) return;
  if (isDigit(bytes[from]!)) {
    line.timeoutSeconds = numberAt(bytes, from, to);
    return;
  }
  const state = STATES.findIndex((word) => word.length === to - from && isAt(bytes, from, to, word));
  if (state !== -1) line.tcpState = state;
}

function skipBlanks(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}
