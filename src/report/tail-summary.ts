export interface TailCounts {
  /** Events that were shown. */
  readonly shown: number;
  /** Events the kernel dropped. */
  readonly lost: number;
  /** Events and findings that were left out because the output was not read fast enough. */
  readonly skipped: number;
  /** Messages of the kernel that could not be understood. */
  readonly malformed: number;
  /** Broken connections that were shown. */
  readonly broken: number;
  /** False: the last of all that was shown was not read any more. */
  readonly isWritten: boolean;
}

/** What `tail` says at its end. */
export function tailSummary({ shown, lost, skipped, malformed, broken, isWritten }: TailCounts): string {
  const notRead = skipped === 0 ? '' : `, ${skipped} not shown because the output was not read fast enough`;
  const notWritten = isWritten ? '' : '; the last lines were not written, because nobody read them';
  const notUnderstood = malformed === 0 ? '' : `, ${malformed} not understood`;
  return `${counted(shown, 'event')} shown, ${lost} lost${notRead}${notUnderstood}, ${counted(broken, 'broken connection')}${notWritten}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
