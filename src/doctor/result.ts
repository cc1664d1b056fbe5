import type { CheckResult, CheckStatus, CheckTable } from '../model/check.ts';

/** What a check is called, and why it matters whatever it sees. */
export interface CheckName {
  readonly id: string;
  readonly title: string;
  readonly why: string;
}

export function ok(name: CheckName, seen: string, table?: CheckTable): CheckResult {
  return { ...name, status: 'OK', seen, ...(table && { table }) };
}

export function warn(name: CheckName, seen: string, fix: readonly string[], table?: CheckTable): CheckResult {
  return problem(name, 'WARN', seen, fix, table);
}

export function fail(name: CheckName, seen: string, fix: readonly string[]): CheckResult {
  return problem(name, 'FAIL', seen, fix);
}

function problem(
  name: CheckName,
  status: CheckStatus,
  seen: string,
  fix: readonly string[],
  table?: CheckTable,
): CheckResult {
  return { ...name, status, seen, fix, ...(table && { table }) };
}

/** The command that sets a sysctl now, and the one that keeps it over a restart of the node. */
export function sysctlFix(name: string, value: number): string[] {
  const file = `/etc/sysctl.d/90-${name.slice(name.lastIndexOf('.') + 1).replaceAll('_', '-')}.conf`;
  return [`sysctl -w ${name}=${value}`, `echo '${name} = ${value}' > ${file}`];
}

/** A check that could not be made. */
export function failedCheck({ id, title }: Omit<CheckName, 'why'>, error: unknown): CheckResult {
  const reason = error instanceof Error ? error.message : String(error);
  const why = 'What this check is about is not known, good or bad.';
  return warn({ id, title, why }, `The check could not be made: ${reason}.`, [
    `conntrack-watchdog doctor --json`,
  ]);
}

/** The text of an error as a sentence. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
