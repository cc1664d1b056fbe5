import type { NamedPickup } from '../../model/named-finding.ts';

/** One with its three pieces of evidence takes some 3 kB. */
const MOST_KEPT = 500;

/** A broken connection with its number: the first one since the agent started is 1. */
export interface NumberedBreak {
  readonly number: number;
  readonly pickup: NamedPickup;
}

/** The last broken connections of this node, `MOST_KEPT` at most. */
export interface RecentBreaks {
  /** Takes any pickup, and keeps it if it is the proof of a broken connection. */
  add(pickup: NamedPickup): void;
  /** Since the agent started, those that are not kept any more too. */
  readonly total: number;
  readonly kept: number;
  /** The newest first. */
  newest(limit: number): readonly NumberedBreak[];
}

export function createRecentBreaks(capacity = MOST_KEPT): RecentBreaks {
  const ring: NamedPickup[] = [];
  let total = 0;
  return {
    add(pickup) {
      if (!pickup.broken) return;
      ring[total % capacity] = pickup;
      total++;
    },
    get total() {
      return total;
    },
    get kept() {
      return ring.length;
    },
    newest(limit) {
      const count = Math.min(limit, ring.length);
      return Array.from({ length: count }, (_, i) => ({
        number: total - i,
        pickup: ring[(total - 1 - i) % capacity]!,
      }));
    },
  };
}
