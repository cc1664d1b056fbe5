/** The middle value, or the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that at least this share (0 to 1) of the values do not exceed. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = ascending(values);
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** Begins with another element each time, so that nobody is always the first. */
export function rotated<T>(values: readonly T[], by: number): T[] {
  return values.map((_, i) => values[(i + by) % values.length]!);
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}
