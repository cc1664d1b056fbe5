import { IPPROTO_TCP } from '../lib/ctnetlink.ts';
import { textWords, wordsText } from '../lib/ip-text.ts';
import type { TupleIndex } from '../lib/tuple-index.ts';
import type { Tuple } from '../model/flow.ts';
import { TCP_STATES } from '../model/flow-event.ts';
import type { KnownFlow } from '../model/known-flow.ts';
import { type FlowColumns, IPVS, msOf, type Slot, STATE_MASK, V6 } from './flow-columns.ts';

const ONE_SECOND = 10;

const scratch = new Uint32Array(8);

/** A tuple of a flow as text. `which` 0: the original, 2: the reply tuple. */
export function tupleOf(columns: FlowColumns, slot: Slot, which: 0 | 2): Tuple {
  const { ports } = columns;
  const i = slot * 4 + which;
  return {
    src: addressOf(columns, slot, i),
    sport: ports[i]!,
    dst: addressOf(columns, slot, i + 1),
    dport: ports[i + 1]!,
  };
}

/** Everything known of a flow. `wallOffsetMs`: the wall clock's lead over the monotonic one; `goneAt`: a tick. */
export function knownFlowOf(
  columns: FlowColumns,
  slot: Slot,
  wallOffsetMs: number,
  goneAt: number | undefined,
): KnownFlow {
  const { flags, zones, seenAt, expiresAt, lastActivity } = columns;
  const flag = flags[slot]!;
  const seenAtMs = msOf(seenAt[slot]!);
  return {
    entry: {
      type: 'snapshot',
      atMs: seenAtMs + wallOffsetMs,
      protocol: IPPROTO_TCP,
      zone: zones[slot]!,
      original: tupleOf(columns, slot, 0),
      reply: tupleOf(columns, slot, 2),
      tcpState: TCP_STATES[flag & STATE_MASK],
      seenReply: true,
      assured: true,
      dstNat: !(flag & IPVS),
      status: undefined,
      timeoutSeconds: Math.max(0, Math.floor((expiresAt[slot]! - seenAt[slot]!) / ONE_SECOND)),
      id: undefined,
      portId: 0,
    },
    seenAtMs,
    goneAtMs: goneAt === undefined ? undefined : msOf(goneAt),
    lastActivityMs: lastActivity[slot] ? msOf(lastActivity[slot]!) + wallOffsetMs : undefined,
  };
}

/** The flow with this tuple in one of the indexes. */
export function findByText(
  { addresses }: FlowColumns,
  index: TupleIndex,
  zone: number,
  tuple: Tuple,
): Slot | undefined {
  const v6 = textWords(tuple.src, scratch, 0);
  textWords(tuple.dst, scratch, 4);
  const src = v6 ? addresses.find(scratch, 0) : scratch[0]!;
  const dst = v6 ? addresses.find(scratch, 4) : scratch[4]!;
  return src === 0 || dst === 0 ? undefined : index.find(zone, src, tuple.sport, dst, tuple.dport);
}

function addressOf({ flags, ips, addresses }: FlowColumns, slot: Slot, i: number): string {
  if (!(flags[slot]! & V6)) return wordsText(ips, i, false);
  addresses.copy(ips[i]!, scratch, 0);
  return wordsText(scratch, 0, true);
}
