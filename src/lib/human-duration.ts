const STEPS = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3600 },
  { unit: 'min', seconds: 60 },
  { unit: 's', seconds: 1 },
] as const;

/** A span of time for people, its two largest units: `3 s`, `15 min`, `2 h 5 min`, `5 d`; below 10 s with a decimal. */
export function humanDuration(seconds: number): string {
  if (seconds < 10) return `${Math.round(Math.max(seconds, 0) * 10) / 10} s`;
  let rest = Math.round(seconds);
  const first = STEPS.findIndex((step) => rest >= step.seconds);
  const parts: string[] = [];
  for (const step of STEPS.slice(first, first + 2)) {
    const count = Math.floor(rest / step.seconds);
    if (count > 0) parts.push(`${count} ${step.unit}`);
    rest -= count * step.seconds;
  }
  return parts.join(' ');
}
