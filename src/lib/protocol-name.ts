/** Names of IP protocols, as conntrack-tools prints them; linux/in.h. */
const NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** `tcp`; the number itself, `proto-89`, for one that conntrack has no name for. */
export function protocolName(protocol: number): string {
  return NAMES[protocol] ?? `proto-${protocol}`;
}

/** Whether its packets have ports. */
export function hasPorts(protocol: number): boolean {
  return WITH_PORTS.has(protocol);
}
