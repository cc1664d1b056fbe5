import type { TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { TcpSocket } from '../model/tcp-socket.ts';
import {
  ALIVE,
  CLIENT_BUSY,
  CLIENT_ESTABLISHED,
  CLIENT_KEEPALIVE,
  CLIENT_OPEN,
  CLIENT_SEEN,
  type FlowColumns,
  GONE,
  SERVER_KEEPALIVE,
  type Slot,
  SOCKET_BITS,
  tickOf,
  V6,
} from './flow-columns.ts';
import type { FlowStore } from './flow-store.ts';
import { idleLimit } from './idle-limit.ts';

// include/net/tcp_states.h
const TCP_ESTABLISHED = 1;
const TCP_CLOSE_WAIT = 8;
// net/ipv4/tcp_ipv4.c, get_tcp4_sock: the timer that fires next, a sending one before keepalive.
const TIMER_NONE = 0;
const TIMER_KEEPALIVE = 2;

/** Each is tried for every socket, which does not tell its own; with more of them none is looked for. */
const MAX_ZONES = 64;
/** Clients from outside of the cluster can be any number; beyond this many ends every namespace is looked into. */
const MAX_ENDS = 65_536;

/**
 * What the sockets of this node say about the flows of a store. Begin anew for each look, as sockets come and go:
 * `prepare` until it returns -1, then the rest.
 */
export class SocketMarks {
  readonly #store: FlowStore;
  readonly #columns: FlowColumns;
  readonly #timeouts: TcpTimeouts;
  readonly #zones = new Set<number>();
  /** IPv4 addresses of clients and servers. */
  readonly #ends = new Set<number>();
  /** Source addresses as the columns have them, IPv6 ones apart. */
  readonly #local = { v4: new Set<number>(), v6: new Set<number>() };

  constructor(store: FlowStore, timeouts: TcpTimeouts) {
    this.#store = store;
    this.#columns = store.columns;
    this.#timeouts = timeouts;
  }

  /** Takes back the marks of `count` flows from `from` on, and notes their ends. Returns where to go on, -1 at the end. */
  prepare(from: Slot, count: number): Slot {
    const { flags, ips, zones } = this.#columns;
    const end = Math.min(from + count, this.#store.slots);
    // Neighbours often have the same: that is cheaper to see than to enter it again.
    let [client, server, zone] = [-1, -1, -1];
    for (let slot = from; slot < end; slot++) {
      flags[slot]! &= ~SOCKET_BITS;
      if ((flags[slot]! & (ALIVE | GONE)) !== ALIVE) continue;
      if (zones[slot] !== zone && this.#zones.size <= MAX_ZONES) {
        zone = zones[slot]!;
        this.#zones.add(zone);
      }
      if (flags[slot]! & V6 || this.#ends.size > MAX_ENDS) continue;
      if (ips[slot * 4] !== client) {
        client = ips[slot * 4]!;
        this.#ends.add(client);
      }
      if (ips[slot * 4 + 2] !== server) {
        server = ips[slot * 4 + 2]!;
        this.#ends.add(server);
      }
    }
    return end < this.#store.slots ? end : -1;
  }

  /** Whether any flow has this address for its client or server. */
  wants(v6: boolean, words: Uint32Array): boolean {
    if (v6) return this.#columns.addresses.find(words, 0) !== 0;
    return this.#ends.size > MAX_ENDS || this.#ends.has(words[0]!);
  }

  /** An address of a network namespace whose sockets are all looked at: who has it and no socket is gone. */
  addLocalAddress(v6: boolean, words: Uint32Array): void {
    const number = v6 ? this.#columns.addresses.find(words, 0) : words[0]!;
    if (number !== 0) (v6 ? this.#local.v6 : this.#local.v4).add(number);
  }

  /** Whether the client of a flow has such an address. */
  isLocalClient(slot: Slot): boolean {
    // With too many zones no socket was looked for.
    if (this.#zones.size > MAX_ZONES) return false;
    const { flags, ips } = this.#columns;
    return (flags[slot]! & V6 ? this.#local.v6 : this.#local.v4).has(ips[slot * 4]!);
  }

  /** Marks the flow of a socket, as its client's or its server's. `nowMs`: monotonic. */
  mark(socket: TcpSocket, nowMs: number): void {
    if (socket.state !== TCP_ESTABLISHED && socket.state !== TCP_CLOSE_WAIT) return;
    if (this.#zones.size > MAX_ZONES) return;
    const { words, v6 } = socket;
    const { addresses, byOriginal, byReply } = this.#columns;
    const local = v6 ? addresses.find(words, 0) : words[0]!;
    const remote = v6 ? addresses.find(words, 4) : words[4]!;
    if (local === 0 || remote === 0) return;
    const { localPort, remotePort } = socket;
    for (const zone of this.#zones) {
      const asClient = byOriginal.find(zone, local, localPort, remote, remotePort);
      if (asClient !== undefined && this.#fits(asClient, v6)) this.#markClient(asClient, socket, nowMs);
      const asServer = byReply.find(zone, local, localPort, remote, remotePort);
      if (asServer !== undefined && this.#fits(asServer, v6)) this.#markServer(asServer, socket);
    }
  }

  #fits(slot: Slot, v6: boolean): boolean {
    return (this.#columns.flags[slot]! & (ALIVE | GONE | V6)) === (v6 ? ALIVE | V6 : ALIVE);
  }

  #markClient(slot: Slot, { state, timer, timerHundredths }: TcpSocket, nowMs: number): void {
    const { flags, probeAt, keepIdle } = this.#columns;
    flags[slot]! |= CLIENT_SEEN | CLIENT_OPEN | (state === TCP_ESTABLISHED ? CLIENT_ESTABLISHED : 0);
    keepIdle[slot] = idleSetting(keepIdle[slot]!, timer, timerHundredths);
    if (timer === TIMER_KEEPALIVE) {
      flags[slot]! |= CLIENT_KEEPALIVE;
      probeAt[slot] = tickOf(nowMs + timerHundredths * 10);
    } else if (timer !== TIMER_NONE) {
      flags[slot]! |= CLIENT_BUSY;
      // What was seen of it before still holds, roughly.
      if (keepIdle[slot]! > 0) {
        flags[slot]! |= CLIENT_KEEPALIVE;
        probeAt[slot] = tickOf(nowMs + keepIdle[slot]! * 1000);
      }
    }
  }

  /** A server's probes keep the entry as well as a client's. */
  #markServer(slot: Slot, { timer, timerHundredths }: TcpSocket): void {
    const { flags, serverKeepIdle } = this.#columns;
    const setting = idleSetting(serverKeepIdle[slot]!, timer, timerHundredths);
    serverKeepIdle[slot] = setting;
    const limit = idleLimit(flags[slot]!, this.#timeouts);
    if (setting > 0 && setting < limit && timerHundredths < limit * 100) flags[slot]! |= SERVER_KEEPALIVE;
  }
}

/**
 * What is known of TCP_KEEPIDLE, in seconds, 0 without keepalive. The timer runs on when there is traffic, and is set
 * again for the rest when it fires; what it was set to at most is the least that it can be. Rounded up to whole
 * seconds, as that is what is set.
 */
function idleSetting(known: number, timer: number, timerHundredths: number): number {
  if (timer === TIMER_NONE) return 0;
  if (timer !== TIMER_KEEPALIVE) return known;
  return Math.max(known, 1, Math.min(0xffff, Math.ceil(timerHundredths / 100)));
}
