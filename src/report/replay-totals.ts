import type { Cause, Verdict } from '../model/finding.ts';
import type { NamedFinding, NamedPickup } from '../model/named-finding.ts';
import { serviceText } from './name-text.ts';

/** Rows kept; a recording may name any number of addresses. */
const MAX_ROWS = 10_000;

/** Broken connections that are alike. */
export interface BrokenRow {
  /** Undefined: of all the Services that came when there were too many. */
  readonly service: string | undefined;
  readonly cause: Cause;
  readonly outcome: Verdict;
  count: number;
}

/** What a recording had in it. */
export class ReplayTotals {
  readonly lost = new Map<Cause, number>();
  readonly pickups = new Map<Verdict, number>();
  readonly #broken = new Map<string, BrokenRow>();
  #brokenCount = 0;
  /** Pickups that were reset or not answered, although they went where the connection had been before. */
  sameMapping = 0;

  get broken(): number {
    return this.#brokenCount;
  }

  count(finding: NamedFinding): void {
    if (finding.kind === 'entry_lost') {
      increase(this.lost, finding.cause);
      return;
    }
    increase(this.pickups, finding.verdict);
    if (finding.broken) this.#countBroken(finding);
    else if (finding.mapping === 'same' && (finding.verdict === 'reset' || finding.verdict === 'stalled'))
      this.sameMapping++;
  }

  /** Most of them first. */
  rows(): BrokenRow[] {
    return [...this.#broken.values()].sort((a, b) => b.count - a.count);
  }

  #countBroken({ service, cause, verdict }: NamedPickup): void {
    this.#brokenCount++;
    const keyOf = (name: string) => `${cause} ${verdict} ${name}`;
    const name = serviceText(service);
    const known = this.#broken.get(keyOf(name));
    const isFull = known === undefined && this.#broken.size >= MAX_ROWS;
    const row = isFull ? this.#broken.get(keyOf('')) : known;
    if (row) row.count++;
    else {
      const added = { service: isFull ? undefined : name, cause, outcome: verdict, count: 1 };
      this.#broken.set(keyOf(isFull ? '' : name), added);
    }
  }
}

function increase<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
