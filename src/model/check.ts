/** How a check of `doctor` ended: nothing to do; worth to know or to change; something does not work. */
export const CHECK_STATUSES = ['OK', 'WARN', 'FAIL'] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];

export interface CheckResult {
  /** A fixed name for programs. */
  readonly id: string;
  /** What was looked at, for people. */
  readonly title: string;
  readonly status: CheckStatus;
  /** One or two sentences, with the numbers. */
  readonly seen: string;
  /** Why it matters. */
  readonly why: string;
  /** What changes it: commands, or a piece of a manifest, line by line; with WARN and FAIL only. */
  readonly fix?: readonly string[];
  /** Figures beside one another. */
  readonly table?: CheckTable;
}

export interface CheckTable {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
