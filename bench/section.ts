import type { Verdict } from './requirements.ts';
import type { ComparisonId, Settings } from './settings.ts';

/** What one comparison found: for people, and for whoever reads the JSON. */
export interface Section {
  readonly id: ComparisonId;
  readonly title: string;
  /** The first row is the heading. */
  readonly rows: readonly (readonly string[])[];
  /** What a reader has to know to judge the figures. */
  readonly notes: readonly string[];
  readonly verdicts: readonly Verdict[];
  /** Every sample, and what was computed from them. */
  readonly data: unknown;
}

/** Says what is being done, one line at a time. */
export type Progress = (text: string) => void;

export type Comparison = (settings: Settings, progress: Progress) => Promise<Section>;
