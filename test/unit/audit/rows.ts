import { FlowStore, type FlowStoreOptions } from '../../../src/audit/flow-store.ts';
import { DEFAULT_TIMEOUTS, type TcpTimeouts } from '../../../src/lib/tcp-timeouts.ts';
import type { Tuple } from '../../../src/model/flow.ts';
import type { FlowRow } from '../../../src/model/flow-row.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';
import { originalTuple, replyTuple } from '../../support/flow-events.ts';
import { address } from '../../support/packets.ts';

/** CONFIRMED | ASSURED | SEEN_REPLY and the NAT bits, as iptables leaves them; IPVS sets no DST_NAT. */
export const STATUS = 0x1ae;
export const IPVS_STATUS = 0x18e;
export const OFFLOAD = 0x4000;
/** enum tcp_conntrack */
export const ESTABLISHED = 3;
export const FIN_WAIT = 4;
export const CLOSE_WAIT = 5;
export const LAST_ACK = 6;
/** What most clusters set. */
export const TIMEOUTS: TcpTimeouts = { ...DEFAULT_TIMEOUTS, established: 86_400 };

export interface RowSpec {
  readonly original?: Tuple;
  readonly reply?: Tuple;
  readonly zone?: number;
  readonly status?: number;
  readonly tcpState?: number;
  readonly timeoutSeconds?: number;
}

/** One entry of a dump; by default an open connection of the client to the Service, translated to backend A. */
export function rowOf(spec: RowSpec = {}): FlowRow {
  const original = spec.original ?? originalTuple();
  const reply = spec.reply ?? replyTuple('10.244.2.1', original.sport, [original.src, original.sport]);
  // What the reader left of rows before must not matter.
  const words = Uint32Array.from({ length: 16 }, (_, i) => 0xdead_0000 + i);
  for (const [i, ip] of [original.src, original.dst, reply.src, reply.dst].entries()) {
    words.set(wordsOf(ip), i * 4);
  }
  return {
    v6: original.src.includes(':'),
    words,
    sport: original.sport,
    dport: original.dport,
    replySport: reply.sport,
    replyDport: reply.dport,
    zone: spec.zone ?? 0,
    status: spec.status ?? STATUS,
    tcpState: spec.tcpState ?? ESTABLISHED,
    timeoutSeconds: spec.timeoutSeconds ?? 86_000,
  };
}

/** One word of an IPv4 address, four of an IPv6 one. */
export function wordsOf(ip: string): Uint32Array {
  const bytes = address(ip);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32BE(i * 4));
}

export function storeOf(options: Partial<FlowStoreOptions> = {}, nowMs = 0): FlowStore {
  return new FlowStore({ capacity: 64, rememberedCapacity: 16, rememberedTtlMs: 1e9, ...options }, nowMs);
}

interface SnapshotOptions {
  readonly timeouts?: TcpTimeouts;
  readonly unheard?: boolean;
  /** What to do with flows that are gone; undefined: the dump was not complete. */
  readonly judge?: (slot: number) => 'drop' | 'remember';
}

/** A whole snapshot at one moment. */
export function snapshot(
  store: FlowStore,
  nowMs: number,
  rows: readonly FlowRow[],
  options: SnapshotOptions = {},
): void {
  store.begin(nowMs, options.timeouts ?? TIMEOUTS, options.unheard ?? false);
  for (const row of rows) store.put(row);
  if (!options.judge) return;
  for (let from = store.sweep(0, 3, options.judge); from !== -1; ) from = store.sweep(from, 3, options.judge);
}

/** A socket of the client's end, ESTABLISHED and without a timer. */
export function socketOf(
  { src, sport, dst, dport }: Tuple = originalTuple(),
  change: Partial<TcpSocket> = {},
): TcpSocket {
  const words = new Uint32Array(8);
  words.set(wordsOf(src), 0);
  words.set(wordsOf(dst), 4);
  const ends = { v6: src.includes(':'), words, localPort: sport, remotePort: dport };
  return { ...ends, state: 1, timer: 0, timerHundredths: 0, ...change };
}

/** IPv6 of the same story. */
export const CLIENT6 = '2001:db8:1::7';
export const SERVICE6 = '2001:db8:96::10';
export function originalTuple6(sport = 40001): Tuple {
  return { src: CLIENT6, sport, dst: SERVICE6, dport: 6379 };
}
export function replyTuple6(backend = '2001:db8:2::1', sport = 40001): Tuple {
  return { src: backend, sport: 8080, dst: CLIENT6, dport: sport };
}
