import {
  IPCTNL_MSG_CT_NEW,
  NFGENMSG_LEN,
  NFNL_SUBSYS_CTNETLINK,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import type { FlowRow } from '../model/flow-row.ts';
import { Malformed, type MalformedReason } from './attributes.ts';
import { FlowRowReader } from './flow-rows.ts';

export interface DumpVisitor {
  /** Every TCP entry; the row is overwritten by the next. */
  onRow(row: FlowRow): void;
  onMalformed(reason: MalformedReason): void;
}

/** How far a dump has come. */
export interface DumpState {
  /** The last message was read: `done` in order, `failed` with an errno. */
  readonly end: 'done' | 'failed' | undefined;
  readonly errno: number;
  /** Many entries may be missing: the kernel says so (NLM_F_DUMP_INTR), or a datagram broke off. */
  readonly interrupted: boolean;
}

const ENTRY = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;

/** Reads the datagrams of one dump of entries, in their order. Never throws for what they hold. */
export class DumpReader implements DumpState {
  end: DumpState['end'];
  errno = 0;
  interrupted = false;
  readonly #sequence: number;
  readonly #visitor: DumpVisitor;
  readonly #row = new FlowRowReader();

  constructor(sequence: number, visitor: DumpVisitor) {
    this.#sequence = sequence;
    this.#visitor = visitor;
  }

  read(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < bytes.length && this.end === undefined) {
      const left = bytes.length - at;
      const length = left < NLMSG_HDRLEN ? 0 : view.getUint32(at, true);
      if (length < NLMSG_HDRLEN || length > left) {
        // Where the next message begins is not known: what was in the rest is missing.
        this.interrupted = true;
        this.#visitor.onMalformed(
          left < NLMSG_HDRLEN || length > left ? 'truncated_datagram' : 'bad_message_length',
        );
        return;
      }
      if (view.getUint32(at + 8, true) === this.#sequence) this.#readMessage(view, bytes, at, at + length);
      at += (length + 3) & ~3;
    }
  }

  #readMessage(view: DataView, bytes: Uint8Array, at: number, end: number): void {
    const type = view.getUint16(at + 4, true);
    if (view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) this.interrupted = true;
    const payload = at + NLMSG_HDRLEN;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      // Both carry an int: a negative errno, or at the end of a dump what the last part returned.
      this.errno = end - payload < 4 ? 0 : Math.max(0, -view.getInt32(payload, true));
      this.end = this.errno === 0 ? 'done' : 'failed';
    } else if (type === ENTRY) {
      this.#readEntry(bytes, payload + NFGENMSG_LEN, end);
    }
  }

  #readEntry(bytes: Uint8Array, start: number, end: number): void {
    try {
      if (start > end) throw new Malformed('short_payload');
      if (this.#row.read(bytes, start, end)) this.#visitor.onRow(this.#row);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#visitor.onMalformed(error.reason);
    }
  }
}
