import { readFileSync } from 'node:fs';
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

/** Reads the settings of this process's network namespace under `proc`. What cannot be read is left out. */
export function readSettings(proc: string): KernelSettings {
  const settings = new Map<SettingName, number>();
  for (const name of SETTING_NAMES) {
    const value = readNumber(join(proc, 'sys/net/netfilter', name));
    if (value !== undefined) settings.set(name, value);
  }
  return settings;
}

function readNumber(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
