import type { NamedEvent } from '../model/named-event.ts';
import type { NamedFinding } from '../model/named-finding.ts';
import type { KernelSettings } from './broken-sentence.ts';

/** What `tail` writes, as text or as JSON: each a whole line with its line feed. */
export interface TailLines {
  event(named: NamedEvent): string;
  /** `settings`: the sysctls that advice may name with their values. */
  finding(found: NamedFinding, settings: KernelSettings): string;
  /** In the place where the kernel dropped so many events. */
  lost(lost: number): string;
  /** In the place of what was left out because the output was not read fast enough. */
  skipped(events: number, findings: number): string;
}
