import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The sysctls under net.netfilter that decide what the agent can see, and when entries go away. */
export const SETTING_NAMES = [
  'nf_conntrack_events',
  'nf_conntrack_timestamp',
  'nf_conntrack_max',
  'nf_conntrack_count',
  'nf_conntrack_tcp_loose',
  'nf_conntrack_tcp_be_liberal',
  'nf_conntrack_tcp_max_retrans',
  'nf_conntrack_tcp_timeout_syn_sent',
  'nf_conntrack_tcp_timeout_syn_recv',
  'nf_conntrack_tcp_timeout_established',
  'nf_conntrack_tcp_timeout_fin_wait',
  'nf_conntrack_tcp_timeout_close_wait',
  'nf_conntrack_tcp_timeout_last_ack',
  'nf_conntrack_tcp_timeout_time_wait',
  'nf_conntrack_tcp_timeout_close',
  'nf_conntrack_tcp_timeout_max_retrans',
  'nf_conntrack_tcp_timeout_unacknowledged',
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];
/** Values by name; timeouts are seconds. A sysctl this kernel does not have is missing. */
export type KernelSettings = ReadonlyMap<SettingName, number>;

/**
 * Reads the settings of this process's network namespace under `proc`. What does not exist, or cannot be read just
 * now, is left out; `unreadable` says why, for the latter.
 */
export function readSettings(proc: string): {
  readonly settings: KernelSettings;
  readonly unreadable?: string;
} {
  const settings = new Map<SettingName, number>();
  let unreadable: string | undefined;
  for (const name of SETTING_NAMES) {
    try {
      const text = readFileSync(join(proc, 'sys/net/netfilter', name), 'utf8').trim();
      if (/^\d+$/.test(text)) settings.set(name, Number(text));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') unreadable = message;
    }
  }
  return unreadable === undefined ? { settings } : { settings, unreadable };
}

/** One sysctl as a number, by its path below /proc/sys; undefined if it is not there or not readable. */
export function readSysctl(proc: string, path: string): number | undefined {
  try {
    const text = readFileSync(join(proc, 'sys', path), 'utf8').trim();
    return /^-?\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Buckets of the conntrack table, which the kernel moves all entries to others of when they change in number. */
export function readBuckets(proc: string): string | undefined {
  try {
    return readFileSync(join(proc, 'sys/net/netfilter/nf_conntrack_buckets'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Whether this network namespace has IPVS, whose connections do not have the status bit DST_NAT. */
export function hasIpvs(proc: string): boolean {
  return existsSync(join(proc, 'net/ip_vs'));
}
