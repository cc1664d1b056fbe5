export interface Readiness<Name extends string> {
  meet(name: Name): void;
  /** The condition does not hold (any more); the reason is a few words for the operator. */
  fail(name: Name, reason: string): void;
  /** Every condition that does not hold, `name: reason`, in the order they were named. Empty: ready. */
  reasons(): readonly string[];
  /** Every condition, in the order they were named, and whether it holds. */
  conditions(): readonly (readonly [name: Name, holds: boolean])[];
}

/** Ready means that every named condition holds. At first none does. */
export function createReadiness<const Name extends string>(names: readonly Name[]): Readiness<Name> {
  const failing = new Map<Name, string>(names.map((name) => [name, 'not yet']));
  return {
    meet: (name) => void failing.delete(name),
    fail: (name, reason) => void failing.set(name, reason),
    reasons: () => names.filter((name) => failing.has(name)).map((name) => `${name}: ${failing.get(name)}`),
    conditions: () => names.map((name) => [name, !failing.has(name)] as const),
  };
}
