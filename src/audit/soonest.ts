import type { RiskReason } from '../model/at-risk.ts';
import type { SkipReason } from '../model/protection.ts';
import type { Slot } from './flow-columns.ts';

/** A flow at risk, and when it breaks, in ticks. */
export interface Candidate {
  readonly slot: Slot;
  readonly reason: RiskReason;
  /** Why its entry is not renewed; undefined if none are. */
  readonly unprotected: SkipReason | undefined;
  readonly at: number;
}

/** Keeps those of many flows that break first. What is kept never exceeds twice `capacity`. */
export class Soonest {
  readonly #capacity: number;
  #kept: Candidate[] = [];
  /** Nothing later than this is among the first `capacity`. */
  #latest = Number.POSITIVE_INFINITY;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(slot: Slot, reason: RiskReason, unprotected: SkipReason | undefined, at: number): void {
    if (at >= this.#latest) return;
    this.#kept.push({ slot, reason, unprotected, at });
    // Sorting only now and then: a quarter of a million flows cost a few sorts of a short list.
    if (this.#kept.length >= 2 * this.#capacity) this.#cut();
  }

  /** The soonest first, `capacity` at most. */
  list(): readonly Candidate[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept.sort((a, b) => a.at - b.at);
    if (this.#kept.length < this.#capacity) return;
    this.#kept.length = this.#capacity;
    this.#latest = this.#kept.at(-1)!.at;
  }
}
