/**
 * How many virtual TCP servers IPVS has, from the text of /proc/net/ip_vs: a line each, such as
 * `TCP  0A6C2125:08AE rr`, and below it one for each real server (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show).
 */
export function countIpvsServices(text: string): number {
  return text.match(/^TCP\s+\S+:[0-9A-F]{4}\s/gm)?.length ?? 0;
}
