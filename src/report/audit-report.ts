import type { NamedFlowAtRisk } from '../model/at-risk.ts';
import type { KernelSettings } from './broken-sentence.ts';
import type { ProtectionReport } from './protection-report.ts';

/** What an audit of this node found. */
export interface AuditReport {
  readonly node: string;
  /** When the table was read, epoch milliseconds; remaining and idle times are from then. */
  readonly takenAtMs: number;
  /** Open connections through Services that were looked at. */
  readonly flows: number;
  /** How many of them break if they stay idle, and of how many of these it is not known for sure. */
  readonly total: number;
  readonly unknown: number;
  /** Undefined when no entries are renewed. */
  readonly protection?: ProtectionReport | undefined;
  /** Those, the soonest first. Gone over several times, and better not kept: there may be a quarter of a million. */
  readonly atRisk: Iterable<NamedFlowAtRisk>;
  readonly settings: KernelSettings;
}
