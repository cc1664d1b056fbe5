import type { Host, Lab } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';

/**
 * Puts the connections of a client pod into a conntrack zone, as CNIs do that let pods have the same addresses. `original`:
 * only what the client sends is in it, as with `iptables -j CT --zone-orig`.
 */
export async function putIntoZone(
  lab: Lab,
  client: Host,
  zone: number,
  direction: 'both' | 'original' = 'both',
): Promise<void> {
  const ip = lab.family === 4 ? 'ip' : 'ip6';
  const both = direction === 'both';
  const rules = [
    `add table inet zone${zone}`,
    `add chain inet zone${zone} pre { type filter hook prerouting priority raw; }`,
    `add rule inet zone${zone} pre ${ip} saddr ${client.address} ct ${both ? '' : 'original '}zone set ${zone}`,
    // Answers have the client's address already: they are looked up before they are translated back.
    ...(both ? [`add rule inet zone${zone} pre ${ip} daddr ${client.address} ct zone set ${zone}`] : []),
  ];
  await exec(lab.node, 'nft', ['-f', '-'], `${rules.join('\n')}\n`);
}
