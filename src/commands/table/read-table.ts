import { DumpReader, type DumpVisitor } from '../../decode/dump.ts';
import { openDump } from '../../kernel/dump-socket.ts';
import { KernelError, kernelError } from '../../kernel/errors.ts';
import type { Breather } from './breather.ts';

/** A kernel that has nothing to say for so long will not go on. */
const SILENCE_MS = 10_000;
const RETRY_MS = 2;

/** How the reading of the table ended. `interrupted`: entries may be missing. */
export type TableRead =
  | { readonly result: 'complete' | 'interrupted' }
  | { readonly result: 'failed'; readonly error: KernelError };

export interface ReadTableOptions {
  /** A dump by kernel/requests.ts. */
  readonly request: (sequence: number) => Uint8Array;
  readonly visitor: DumpVisitor;
  /** Called before the entries of each part, with a time at which the kernel had not made it yet. */
  readonly onPart: (madeAtMs: number) => void;
  readonly breather: Breather;
  readonly nowMs: () => number;
  readonly stop: AbortSignal;
}

const ATTEMPT = 'reading the conntrack table';
let sequence = 0;

/** Dumps the conntrack table, a few hundred entries at a time. Never throws for what the kernel does. */
export async function readTable(options: ReadTableOptions): Promise<TableRead> {
  const { visitor, breather, nowMs } = options;
  sequence = (sequence % 0x7fff_ffff) + 1;
  const reader = new DumpReader(sequence, visitor);
  // A part is made when the one before is read, the first when the dump is asked for.
  let madeAtMs = nowMs();
  let dump: ReturnType<typeof openDump>;
  try {
    dump = openDump(options.request(sequence));
  } catch (error) {
    if (error instanceof KernelError) return { result: 'failed', error };
    throw error;
  }
  const read = (bytes: Uint8Array) => {
    options.onPart(madeAtMs);
    reader.read(bytes);
  };
  try {
    let heardAtMs = nowMs();
    while (reader.end === undefined) {
      if (options.stop.aborted) return failed('it was stopped');
      const readAtMs = nowMs();
      const parts = dump.receive(read);
      if (parts > 0) {
        madeAtMs = readAtMs;
        heardAtMs = nowMs();
        await breather.breathe();
      } else {
        if (nowMs() - heardAtMs > SILENCE_MS) return failed('the kernel did not go on');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  } catch (error) {
    if (error instanceof KernelError) return { result: 'failed', error };
    throw error;
  } finally {
    dump.close();
  }
  if (reader.end === 'failed') {
    return { result: 'failed', error: kernelError(ATTEMPT, reader.errno) };
  }
  return { result: reader.interrupted ? 'interrupted' : 'complete' };
}

function failed(why: string): TableRead {
  return { result: 'failed', error: new KernelError('socket', `${ATTEMPT}: ${why}`) };
}
