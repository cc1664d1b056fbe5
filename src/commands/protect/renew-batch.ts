import type { Slot } from '../../audit/flow-columns.ts';
import type { FlowStore } from '../../audit/flow-store.ts';
import { isSameConnection, isUnchanged } from '../../audit/protection.ts';
import { type EntryAnswer, readEntryAnswer } from '../../decode/entry-answer.ts';
import { isNoSuchEntry, KernelError } from '../../kernel/errors.ts';
import { BATCH, type RenewalSocket } from '../../kernel/renewal-socket.ts';
import { ENTRY_REQUEST_BYTES, putEntryRequest } from '../../kernel/requests.ts';
import { TCP_CONNTRACK_ESTABLISHED } from '../../lib/ctnetlink.ts';
import { closedTimeout, fullTimeout, type TcpTimeouts } from '../../lib/tcp-timeouts.ts';
import type { EntryIdentity, EntryKey, RenewalResult } from '../../model/protection.ts';

/** linux/errno.h, of an entry that is being removed. */
const ETIME = 62;

export interface BatchResult {
  readonly result: RenewalResult;
  /** Of a failure: what the kernel said. */
  readonly problem: string | undefined;
}

const questions = new Uint8Array(BATCH * ENTRY_REQUEST_BYTES);
const key: EntryKey = { v6: false, words: new Uint32Array(8), sport: 0, dport: 0, zone: 0 };
const RENEWED: BatchResult = { result: 'renewed', problem: undefined };
const CHANGED: BatchResult = { result: 'changed', problem: undefined };
const GONE: BatchResult = { result: 'gone', problem: undefined };
const NO_ANSWER: BatchResult = { result: 'failed', problem: 'the kernel did not answer' };

/**
 * Renews the entries of up to BATCH flows. Each is asked for first, as it may have been used, closed or replaced since the
 * table was read, seconds ago: then nothing is done. What can happen between that answer and the update is a fraction of
 * a millisecond's worth; should the entry be another one by then, it has another reply tuple and is not found.
 *
 * But a program that ends closes all of its connections in such a moment, and what is closed would stay in the table for
 * the whole timeout of an open one. So they are asked for once more. What is open then is closed after the update, by
 * packets that set the timer anew; what is not gets the time that belongs to its state.
 */
export function renewBatch(
  store: FlowStore,
  socket: RenewalSocket,
  slots: readonly Slot[],
  timeouts: TcpTimeouts,
  nowMs: () => number,
): readonly BatchResult[] {
  // Of what is not there any more, an event told the end since.
  const results = slots.map((slot) => (store.isPresent(slot) ? NO_ANSWER : GONE));
  const present = [...slots.keys()].filter((place) => results[place] !== GONE);
  const chosen: { readonly place: number; readonly identity: EntryIdentity }[] = [];
  try {
    const askedAtMs = nowMs();
    askFor(store, socket, slots, present, (place, answer) => {
      const slot = slots[place]!;
      if ('errno' in answer) results[place] = refusal(answer.errno);
      else if (isUnchanged(store, slot, answer.row, askedAtMs)) {
        chosen.push({ place, identity: answer.identity });
      } else {
        results[place] = CHANGED;
        if (!isSameConnection(store, slot, answer.row)) return;
        // The store must know: a packet soon after another can look like none in its snapshots, again and again.
        store.at(askedAtMs);
        store.put(answer.row);
      }
    });
    if (chosen.length === 0) return results;
    for (const { place } of chosen) results[place] = RENEWED;
    socket.renew(
      chosen.map(({ identity }) => identity),
      timeouts.established,
      (i, errno) => {
        results[chosen[i]!.place] = errno === 0 ? NO_ANSWER : refusal(errno);
      },
    );
    const renewedAtMs = nowMs();
    const renewed = chosen.flatMap(({ place }) => (results[place] === RENEWED ? [place] : []));
    const closed: { readonly identity: EntryIdentity; readonly seconds: number }[] = [];
    askFor(store, socket, slots, renewed, (place, answer) => {
      if ('errno' in answer || answer.row.tcpState === TCP_CONNTRACK_ESTABLISHED) return;
      const { tcpState, timeoutSeconds } = answer.row;
      // A new connection that has begun by now has about as much as one in TIME_WAIT.
      const seconds =
        fullTimeout(tcpState, timeouts) ?? closedTimeout(tcpState, timeouts) ?? timeouts.timeWait;
      if (timeoutSeconds <= seconds) return;
      results[place] = CHANGED;
      closed.push({ identity: answer.identity, seconds });
    });
    // Nearly always none. What is gone by now needs nothing more.
    for (const { identity, seconds } of closed) socket.renew([identity], seconds, () => {});
    for (const place of renewed) {
      if (results[place] === RENEWED) store.renewed(slots[place]!, timeouts.established, renewedAtMs);
    }
    return results;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return slots.map(() => ({ result: 'failed', problem: error.message }));
  }
}

/** Asks for the entries of flows by their places, at once; some may not be answered. */
function askFor(
  store: FlowStore,
  socket: RenewalSocket,
  slots: readonly Slot[],
  places: readonly number[],
  onAnswer: (place: number, answer: EntryAnswer) => void,
): void {
  if (places.length === 0) return;
  let length = 0;
  for (const place of places) {
    store.putKey(slots[place]!, key);
    length = putEntryRequest(questions, length, place + 1, key);
  }
  socket.ask(questions.subarray(0, length), (bytes) => {
    const answer = readEntryAnswer(bytes);
    if (answer && places.includes(answer.sequence - 1)) onAnswer(answer.sequence - 1, answer);
  });
}

function refusal(errno: number): BatchResult {
  if (isNoSuchEntry(errno) || errno === ETIME) return GONE;
  return { result: 'failed', problem: `errno ${errno}` };
}
