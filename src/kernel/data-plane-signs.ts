import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BPF = '/sys/fs/bpf';

/** The names of this network namespace's interfaces: /proc/net/dev, two lines of headings, then `name: numbers`. */
export function readInterfaces(proc: string): string[] {
  const lines = readFileSync(join(proc, 'net/dev'), 'utf8').split('\n').slice(2);
  return lines.filter((line) => line.includes(':')).map((line) => line.slice(0, line.indexOf(':')).trim());
}

/** What is pinned in the BPF file system, as far as it is mounted and readable here. */
export function readBpfNames(): string[] {
  return [BPF, `${BPF}/tc/globals`].flatMap((folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  });
}

/** The text of /proc/net/ip_vs; undefined where IPVS is not loaded. */
export function readIpvs(proc: string): string | undefined {
  try {
    return readFileSync(join(proc, 'net/ip_vs'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
