import { CLIENT_ESTABLISHED, type Slot } from '../../audit/flow-columns.ts';
import type { FlowStore } from '../../audit/flow-store.ts';
import { type GoneContext, whatBecameOf } from '../../audit/gone.ts';
import { SocketMarks } from '../../audit/socket-marks.ts';
import type { MalformedReason } from '../../decode/attributes.ts';
import { TcpSocketReader } from '../../decode/tcp-socket.ts';
import type { Clock } from '../../kernel/clock.ts';
import { dumpEntriesRequest } from '../../kernel/requests.ts';
import { hasIpvs, readBuckets } from '../../kernel/settings.ts';
import { type SocketScan, scanTcpSockets } from '../../kernel/tcp-sockets.ts';
import type { TcpTimeouts } from '../../lib/tcp-timeouts.ts';
import { type Breather, createBreather } from './breather.ts';
import { readTable, type TableRead } from './read-table.ts';

/** How long the event loop is kept at a time. */
const TURN_MS = 3;
/** Slots that are looked at between two glances at the clock. */
const STRIDE = 2048;
/** A dump that was interrupted is made anew at once, a few times. */
const ATTEMPTS = 3;

export interface SnapshotOptions {
  readonly store: FlowStore;
  readonly clock: Clock;
  readonly procPath: string;
  readonly timeouts: TcpTimeouts;
  /** Entries that are new in this snapshot were made while nobody listened. */
  readonly unheard: boolean;
  readonly onMalformed: (reason: MalformedReason) => void;
  readonly stop: AbortSignal;
}

export interface Snapshot {
  readonly read: TableRead;
  /** Dumps that were begun and were not complete. */
  readonly interrupted: number;
  /** Not looked at when the table could not be read. */
  readonly sockets: SocketMarks | undefined;
  readonly scan: SocketScan | undefined;
}

/** Ends the work of a snapshot that is not wanted any more. */
export class Stopped extends Error {}

/**
 * Reads the table into the store, and the sockets of this node beside it, in that order: a socket that is still open
 * when its entry was already gone hints at a loss. Never throws for what the kernel does; throws Stopped.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  const { store, clock, stop } = options;
  const breather = createBreather(TURN_MS, clock.monotonicMs);
  let interrupted = 0;
  let read = await readOnce(options, breather);
  while (read.result === 'interrupted' && ++interrupted < ATTEMPTS) read = await readOnce(options, breather);
  if (stop.aborted) throw new Stopped();
  if (read.result === 'failed') return { read, interrupted, sockets: undefined, scan: undefined };
  const sockets = new SocketMarks(store, options.timeouts);
  await inTurns(clock, stop, (from) => sockets.prepare(from, STRIDE));
  const scan = await scanTcpSockets(
    options.procPath,
    {
      onSocket: (socket) => sockets.mark(socket, clock.monotonicMs()),
      wants: (v6, words) => sockets.wants(v6, words),
      onLocalAddress: (v6, words) => sockets.addLocalAddress(v6, words),
    },
    () => {
      if (stop.aborted) throw new Stopped();
      return breather.breathe();
    },
    (v6) => new TcpSocketReader(v6),
  );
  return { read, interrupted, sockets, scan };
}

async function readOnce(options: SnapshotOptions, breather: Breather): Promise<TableRead> {
  const { store, clock, procPath, timeouts, unheard, onMalformed, stop } = options;
  store.begin(clock.monotonicMs(), timeouts, unheard);
  const buckets = readBuckets(procPath);
  const read = await readTable({
    request: (sequence) => dumpEntriesRequest(sequence, !hasIpvs(procPath)),
    visitor: { onRow: (row) => store.put(row), onMalformed },
    onPart: (madeAtMs) => store.at(clock.monotonicMs(), madeAtMs),
    breather,
    nowMs: clock.monotonicMs,
    stop,
  });
  // A table that is given other buckets while it is walked shows some entries twice and some never, without a word.
  const isMoved = buckets !== readBuckets(procPath);
  return read.result === 'complete' && isMoved ? { result: 'interrupted' } : read;
}

/**
 * After a complete dump: what became of the flows it does not have any more. Gives back those that seem to be lost,
 * which are remembered until that is confirmed.
 */
export async function sweepGone(
  store: FlowStore,
  context: GoneContext,
  clock: Clock,
  stop: AbortSignal,
): Promise<Suspect[]> {
  const suspects: Suspect[] = [];
  await inTurns(clock, stop, (from) =>
    store.sweep(from, STRIDE, (slot) => {
      const became = whatBecameOf(store, slot, context);
      if (became === 'lost') {
        const isEstablished = (store.columns.flags[slot]! & CLIENT_ESTABLISHED) !== 0;
        suspects.push({ slot, serverIsOpen: isEstablished });
      }
      return became === 'closed' ? 'drop' : 'remember';
    }),
  );
  return suspects;
}

export interface Suspect {
  readonly slot: Slot;
  /** The client's socket says that no FIN of the server has come. */
  readonly serverIsOpen: boolean;
}

/** Calls `step` with 0 and then with what it returned, until that is -1. Throws Stopped. */
export async function inTurns(clock: Clock, stop: AbortSignal, step: (from: Slot) => Slot): Promise<void> {
  const breather = createBreather(TURN_MS, clock.monotonicMs);
  for (let from = step(0); from !== -1; from = step(from)) {
    if (stop.aborted) throw new Stopped();
    await breather.breathe();
  }
}
