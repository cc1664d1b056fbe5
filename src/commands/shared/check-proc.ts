import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../config/parse.ts';

/** Throws a UsageError if `--proc` is no proc file system. */
export function checkProc(procPath: string): void {
  if (existsSync(join(procPath, 'sys/net'))) return;
  throw new UsageError(`--proc ${procPath}: there is no sys/net below it`);
}
