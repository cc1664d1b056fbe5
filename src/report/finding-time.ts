import type { Finding } from '../model/finding.ts';
import { isoTime } from './named-fields.ts';

/** When it was known: for a pickup, when its verdict was. */
export function decidedAtMs(finding: Finding): number {
  return finding.kind === 'pickup' ? finding.pickedUpAtMs + finding.verdictAfterMs : finding.atMs;
}

/** isoTime that remembers its last answer: in a flood many events have the same millisecond. */
export function isoTimes(): (epochMs: number) => string {
  let known = Number.NaN;
  let text = '';
  return (epochMs) => {
    const ms = Math.floor(epochMs);
    if (ms !== known) {
      known = ms;
      text = isoTime(ms);
    }
    return text;
  };
}
