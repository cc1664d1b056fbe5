const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/**
 * A whole number with a unit, `500ms`, `2s`, `1m`, `1h` or `7d`, to milliseconds; undefined for anything else.
 * A bare number is refused on purpose: nobody can tell whether 60 meant seconds.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  const milliseconds = Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}

/** Whole milliseconds as the shortest text that parseDuration reads back: 120000 is `2m`, 90000 is `90s`. */
export function formatDuration(milliseconds: number): string {
  for (const [unit, size] of Object.entries(UNITS_MS)) {
    if (milliseconds > 0 && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return `${milliseconds}ms`;
}
