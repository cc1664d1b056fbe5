import { humanDuration } from '../lib/human-duration.ts';
import type { NamedPickup } from '../model/named-finding.ts';
import { brokenLine } from './broken-line.ts';
import { brokenSentence, type KernelSettings } from './broken-sentence.ts';
import type { FloodControl, HeldBack } from './flood-control.ts';
import type { Log } from './log.ts';

export interface FindingLogOptions {
  readonly log: Log;
  readonly flood: FloodControl;
  /** Called for each line that is held back. */
  readonly onHeldBack: () => void;
  /** The sysctls that advice may name with their values. */
  readonly settings: () => KernelSettings;
}

export interface FindingLog {
  /** Writes the line of a broken connection, or holds it back. Any other pickup makes no line. */
  write(pickup: NamedPickup, nowMs: number): void;
  /** Says what was held back so far; call it now and then, and at the end. */
  flush(nowMs: number): void;
}

export function createFindingLog({ log, flood, onHeldBack, settings }: FindingLogOptions): FindingLog {
  return {
    write(pickup, nowMs) {
      if (!pickup.broken) return;
      const { allowed, heldBack } = flood.admit(nowMs);
      if (heldBack) sayHeldBack(log, heldBack);
      if (!allowed) return onHeldBack();
      log.warn('connection_broken', brokenSentence(pickup, settings()), brokenLine(pickup));
    },
    flush(nowMs) {
      const heldBack = flood.drain(nowMs);
      if (heldBack) sayHeldBack(log, heldBack);
    },
  };
}

function sayHeldBack(log: Log, { lines, periodMs }: HeldBack): void {
  const seconds = Math.round(periodMs) / 1000;
  log.warn(
    'log_held_back',
    `${lines} more broken connection${lines === 1 ? ' was' : 's were'} not logged in the last ${humanDuration(seconds)}; broken_connections_total has them all.`,
    { lines, period_seconds: seconds },
  );
}
