import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

const BUFFER_BYTES = 1 << 20;

/**
 * Whether nftables is in the kernel, loaded or built in. To ask nftables itself would load it. Names of symbols are
 * readable for everybody; their addresses are not needed. Undefined if it cannot be told.
 */
export function hasNftables(proc: string): boolean | undefined {
  if (existsSync('/sys/module/nf_tables')) return true;
  return hasSymbol(join(proc, 'kallsyms'), 'nf_tables_getchain');
}

function hasSymbol(path: string, symbol: string): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    // The end of what was read before stays in front, as a name may be cut.
    const buffer = Buffer.alloc(BUFFER_BYTES);
    let kept = 0;
    let total = 0;
    for (;;) {
      const read = readSync(fd, buffer, kept, buffer.length - kept, null);
      if (read === 0) return total === 0 ? undefined : false;
      total += read;
      const filled = kept + read;
      if (buffer.subarray(0, filled).includes(symbol)) return true;
      kept = Math.min(symbol.length, filled);
      buffer.copy(buffer, 0, filled - kept, filled);
    }
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
