/** What somebody says about a key. Mostly nobody else does: one object a key, and no list. */
interface Claim<V, A> {
  readonly owner: string;
  readonly value: V;
  /** The claim that was made next on the same key. */
  next: Claim<V, A> | undefined;
  /** In the first claim on a key: what is chosen of all, at the first question after a change. */
  answer: A | undefined;
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/**
 * A map in which several owners may say something about the same key: what one owner takes back, another may
 * still say. A change costs as much as the owner says (and a scan of those who claim the same keys, mostly none);
 * the choice among claims is made once per change, when asked for, so that a flood of questions is cheap.
 */
export class Claims<V, A> {
  readonly #choose: (values: readonly V[]) => A;
  readonly #onVacant: ((key: string, last: V) => void) | undefined;
  /** The first claim on each key. */
  readonly #claims = new Map<string, Claim<V, A>>();
  readonly #keysOfOwner = new Map<string, readonly string[]>();

  /**
   * `choose` makes the answer from all claims on a key: at least one, the one made last at the end. `onVacant` is told
   * each key that nobody says anything about any more, and what was said of it last.
   */
  constructor(choose: (values: readonly V[]) => A, onVacant?: (key: string, last: V) => void) {
    this.#choose = choose;
    this.#onVacant = onVacant;
  }

  get(key: string): A | undefined {
    const first = this.#claims.get(key);
    if (!first) return undefined;
    first.answer ??= this.#choose(valuesFrom(first));
    return first.answer;
  }

  /** Replaces all that this owner said before. */
  set(owner: string, said: ReadonlyMap<string, V>): void {
    this.#take(owner, said);
    if (said.size === 0) return;
    this.#keysOfOwner.set(owner, [...said.keys()]);
    for (const [key, value] of said) {
      const claim = { owner, value, next: undefined, answer: undefined };
      const first = this.#claims.get(key);
      if (!first) {
        this.#claims.set(key, claim);
        continue;
      }
      first.answer = undefined;
      let last = first;
      while (last.next) last = last.next;
      last.next = claim;
    }
  }

  /** Forgets all that this owner said. */
  delete(owner: string): void {
    this.#take(owner, NOTHING);
  }

  /** `next` is what the owner is about to say: those keys do not become vacant. */
  #take(owner: string, next: ReadonlyMap<string, unknown>): void {
    for (const key of this.#keysOfOwner.get(owner) ?? []) {
      const first = this.#claims.get(key)!;
      first.answer = undefined;
      if (first.owner !== owner) {
        let before = first;
        while (before.next?.owner !== owner) before = before.next!;
        before.next = before.next.next;
      } else if (first.next) this.#claims.set(key, first.next);
      else {
        this.#claims.delete(key);
        if (!next.has(key)) this.#onVacant?.(key, first.value);
      }
    }
    this.#keysOfOwner.delete(owner);
  }
}

function valuesFrom<V, A>(first: Claim<V, A>): V[] {
  const values: V[] = [];
  for (let claim: Claim<V, A> | undefined = first; claim; claim = claim.next) values.push(claim.value);
  return values;
}
