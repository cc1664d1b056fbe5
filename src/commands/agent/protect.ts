import { type OptionsOf, UsageError } from '../../config/parse.ts';
import type { ProtectOptions } from '../protect/protect-flows.ts';
import type { TableProtection } from '../table/watch-table.ts';

type Options = Pick<OptionsOf<'agent'>, 'protect' | 'protectMaxIdleMs' | 'snapshotIntervalMs' | 'topology'>;

/** Throws a UsageError if protection is wanted without what it stands on. */
export function checkProtect({ protect, snapshotIntervalMs, topology }: Options): void {
  if (protect === 'off') return;
  if (snapshotIntervalMs === undefined) {
    throw new UsageError(
      'agent: --protect renew with --snapshot-interval off: entries are renewed after snapshots, so those are needed',
    );
  }
  if (topology.kind === 'none') {
    throw new UsageError(
      'agent: --protect renew with --topology none: whether a backend still belongs to its Service must be known; give --topology kubernetes, or file:PATH',
    );
  }
}

/** What can write to the kernel is loaded here and nowhere else, and only if it is wanted. Throws a KernelError. */
export async function protect(
  { protect: mode, protectMaxIdleMs: maxIdleMs }: Options,
  parts: Omit<ProtectOptions, 'maxIdleMs'>,
): Promise<TableProtection | undefined> {
  if (mode === 'off') return undefined;
  const { protectFlows } = await import('../protect/protect-flows.ts');
  return protectFlows({ ...parts, maxIdleMs });
}
