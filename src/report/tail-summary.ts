export interface TailCounts {
  /** Events that were shown. */
  readonly shown: number;
  /** Events the kernel dropped. */
  readonly lost: number;
  /** Events and findings that were left out because the output was not read fast enough. */
  readonly skipped: number;
  /** Broken connections that were shown. */
  readonly broken: number;
}

/** What `tail` says at its end. */
export function tailSummary({ shown, lost, skipped, broken }: TailCounts): string {
  const notRead = skipped === 0 ? '' : `, ${skipped} not shown because the output was not read fast enough`;
  return `${counted(shown, 'event')} shown, ${lost} lost${notRead}, ${counted(broken, 'broken connection')}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
