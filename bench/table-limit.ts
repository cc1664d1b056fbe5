import { readFileSync, writeFileSync } from 'node:fs';
import { atExit } from '../src/lab/cleanup.ts';

/** Of the whole machine: only its initial network namespace may change it. */
const PATH = '/proc/sys/net/netfilter/nf_conntrack_max';

/**
 * Lets every namespace have at least so many entries; nothing is changed where it already may. What `restore` takes
 * back also goes when this process ends before, but by SIGKILL.
 */
export function raiseTableLimit(atLeast: number, path = PATH): { restore(): void } {
  const before = readFileSync(path, 'utf8').trim();
  if (Number(before) >= atLeast) return { restore() {} };
  const takeBack = () => writeFileSync(path, before);
  const handler = atExit(takeBack);
  writeFileSync(path, String(atLeast));
  return {
    restore() {
      takeBack();
      handler.forget();
    },
  };
}
