import { chmodSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/** Seconds since 1970 that every file made is dated. Without SOURCE_DATE_EPOCH it is 1970, not now. */
export function modifiedAt(sourceDateEpoch: string | undefined): number {
  if (sourceDateEpoch === undefined || sourceDateEpoch === '') return 0;
  if (!/^\d{1,11}$/.test(sourceDateEpoch)) {
    throw new Error(`SOURCE_DATE_EPOCH must be whole seconds since 1970, not "${sourceDateEpoch}"`);
  }
  return Number(sourceDateEpoch);
}

/** The same time and the same rights for everything in the folder and for itself, whatever the umask. */
export function settle(folder: string, seconds: number): void {
  // Folders last: what is done in one changes its time.
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) settle(path, seconds);
    else {
      chmodSync(path, 0o644);
      utimesSync(path, seconds, seconds);
    }
  }
  chmodSync(folder, 0o755);
  utimesSync(folder, seconds, seconds);
}
