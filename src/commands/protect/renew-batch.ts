import type { Slot } from '../../audit/flow-columns.ts';
import type { FlowStore } from '../../audit/flow-store.ts';
import { isUnchanged } from '../../audit/protection.ts';
import { readEntryAnswer } from '../../decode/entry-answer.ts';
import { isNoSuchEntry, KernelError } from '../../kernel/errors.ts';
import { BATCH, type RenewalSocket } from '../../kernel/renewal-socket.ts';
import { ENTRY_REQUEST_BYTES, putEntryRequest } from '../../kernel/requests.ts';
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
const NO_ANSWER: BatchResult = { result: 'failed', problem: 'the kernel did not answer' };

/**
 * Renews the entries of up to BATCH flows. Each is asked for first, as it may have been used, closed or replaced since the
 * table was read, seconds ago: then nothing is done. What can happen between that answer and the update is a fraction of
 * a millisecond's worth; should the entry be another one by then, it has another reply tuple and is not found.
 */
export function renewBatch(
  store: FlowStore,
  socket: RenewalSocket,
  slots: readonly Slot[],
  timeoutSeconds: number,
  nowMs: () => number,
): readonly BatchResult[] {
  const results = slots.map(() => NO_ANSWER);
  const chosen: { readonly place: number; readonly identity: EntryIdentity }[] = [];
  try {
    let length = 0;
    for (const [place, slot] of slots.entries()) {
      // An event told of its end since.
      if (!store.isPresent(slot)) {
        results[place] = { result: 'gone', problem: undefined };
        continue;
      }
      store.putKey(slot, key);
      length = putEntryRequest(questions, length, place + 1, key);
    }
    if (length === 0) return results;
    socket.ask(questions.subarray(0, length), (bytes) => {
      const answer = readEntryAnswer(bytes);
      const place = (answer?.sequence ?? 0) - 1;
      const slot = slots[place];
      if (answer === undefined || slot === undefined) return;
      if ('errno' in answer) results[place] = refusal(answer.errno);
      else if (isUnchanged(store, slot, answer.row, nowMs()))
        chosen.push({ place, identity: answer.identity });
      else results[place] = { result: 'changed', problem: undefined };
    });
    if (chosen.length === 0) return results;
    for (const { place } of chosen) results[place] = { result: 'renewed', problem: undefined };
    const renewedAtMs = nowMs();
    socket.renew(
      chosen.map(({ identity }) => identity),
      timeoutSeconds,
      (i, errno) => {
        results[chosen[i]!.place] = errno === 0 ? NO_ANSWER : refusal(errno);
      },
    );
    for (const { place } of chosen) {
      if (results[place]!.result === 'renewed') store.renewed(slots[place]!, timeoutSeconds, renewedAtMs);
    }
    return results;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return slots.map(() => ({ result: 'failed', problem: error.message }));
  }
}

function refusal(errno: number): BatchResult {
  if (isNoSuchEntry(errno) || errno === ETIME) return { result: 'gone', problem: undefined };
  return { result: 'failed', problem: `errno ${errno}` };
}
