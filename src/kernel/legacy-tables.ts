import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { AF_INET, AF_INET6 } from '../lib/ctnetlink.ts';
import { kernelError } from './errors.ts';
import { closeSocket, openInternetSocket } from './netfilter-socket.ts';

/*
 * iptables-legacy has its rules in a table for each address family, which getsockopt(2) gives out. Headers:
 * linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h.
 */
const FAMILIES = {
  4: { family: AF_INET, level: 0, names: 'net/ip_tables_names' },
  6: { family: AF_INET6, level: 41, names: 'net/ip6_tables_names' },
} as const;
/** IPT_SO_GET_INFO and IP6T_SO_GET_INFO, for struct ipt_getinfo: char name[32], 12 numbers, u32 size. */
const SO_GET_INFO = 64;
const SIZEOF_GETINFO = 84;
const GETINFO_SIZE = 80;
/** IPT_SO_GET_ENTRIES, for struct ipt_get_entries: char name[32], u32 size, then the entries, aligned to 8. */
const SO_GET_ENTRIES = 65;
const ENTRIES = 40;
const NAME_LENGTH = 32;

/**
 * The entries of the legacy table `nat`, for decode/legacy-chains.ts. Undefined if there is none: that is looked up
 * first, as to ask for it would make one. Throws a KernelError, or what the system said of /proc.
 */
export function readLegacyNat(proc: string, version: 4 | 6): Uint8Array | undefined {
  const { family, level, names } = FAMILIES[version];
  if (!tableNames(join(proc, names)).includes('nat')) return undefined;
  const attempt = 'asking for the rules of iptables-legacy';
  const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, void *, void *)');
  const fd = openInternetSocket(attempt, family);
  const get = (option: number, bytes: Uint8Array) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    if (getsockopt(fd, level, option, bytes, length) !== 0) throw kernelError(attempt, koffi.errno());
  };
  try {
    const info = new Uint8Array(SIZEOF_GETINFO);
    writeName(info);
    get(SO_GET_INFO, info);
    const size = new DataView(info.buffer).getUint32(GETINFO_SIZE, true);
    const entries = new Uint8Array(ENTRIES + size);
    writeName(entries);
    new DataView(entries.buffer).setUint32(NAME_LENGTH, size, true);
    get(SO_GET_ENTRIES, entries);
    return entries.subarray(ENTRIES);
  } finally {
    closeSocket(fd);
  }
}

function writeName(bytes: Uint8Array): void {
  bytes.set(new TextEncoder().encode('nat'));
}

/** Not there: the kernel has no legacy tables, or none was used yet. */
function tableNames(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
