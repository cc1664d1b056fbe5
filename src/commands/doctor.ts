import type { OptionsOf } from '../config/parse.ts';
import { failedCheck } from '../doctor/result.ts';
import { systemClock } from '../kernel/clock.ts';
import type { CheckResult } from '../model/check.ts';
import { doctorJson, doctorText } from '../report/doctor-report.ts';
import { type Check, doctorChecks } from './doctor/checks.ts';
import { checkProc } from './shared/check-proc.ts';
import { writeAll } from './shared/write-all.ts';

const FOUND_A_PROBLEM = 3;

/**
 * Looks at the kernel, its settings and the API server, and says what keeps this tool from working. Changes nothing.
 * Returns the exit status: 3 when a check fails. Throws a UsageError, or an
 * Error when it is stopped.
 */
export async function runDoctor(options: OptionsOf<'doctor'>, stop: AbortSignal): Promise<number> {
  checkProc(options.procPath);
  const clock = systemClock();
  const checks: CheckResult[] = [];
  for (const check of doctorChecks(options, clock, stop)) {
    checks.push(...(await run(check)));
    if (stop.aborted) throw new Error(`doctor: stopped by ${stop.reason} before it was done`);
  }
  const report = { node: options.nodeName, checkedAtMs: clock.wallMs(), checks };
  const color = options.color && process.stdout.isTTY;
  // A terminal may not know its width, and says 0.
  const width = process.stdout.columns || undefined;
  await writeAll([options.json ? doctorJson(report) : doctorText(report, { color, width })]);
  return checks.some(({ status }) => status === 'FAIL') ? FOUND_A_PROBLEM : 0;
}

/** A check that fails to run says so, and does not keep others from running. */
async function run({ id, title, run: work }: Check): Promise<readonly CheckResult[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    return [failedCheck({ id, title }, error)];
  }
}
