const UNITS = { Gi: 2 ** 30, Mi: 2 ** 20, Ki: 2 ** 10, '': 1 } as const;

/** `256Ki`, `64Mi`, `1Gi` or plain bytes to bytes, written as Kubernetes writes quantities; undefined for anything else. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,15})(Ki|Mi|Gi|)$/.exec(text);
  if (!match) return undefined;
  const bytes = Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes as the shortest text that parseByteSize reads back: 67108864 is `64Mi`, 1000 is `1000`. */
export function formatByteSize(bytes: number): string {
  for (const [unit, size] of Object.entries(UNITS)) {
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}`;
}
