import { isIPv4 } from 'node:net';
import { ipBytes, ipv4Text, ipv6Text } from './ip-text.ts';

/**
 * The one text form of an IP address, the one ip-text.ts gives to the kernel's bytes, so that equal addresses are
 * equal strings: IPv4 dotted, IPv6 as RFC 5952 has it, IPv4-mapped IPv6 as `::ffff:1.2.3.4`. Undefined for
 * anything else, an address with a zone (`fe80::1%eth0`) included. Old Kubernetes objects may hold `010.0.0.1`:
 * such parts are decimal, as Kubernetes reads them (netutils.ParseIPSloppy).
 */
export function canonicalIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  try {
    const bytes = ipBytes(text);
    return bytes.length === 4 ? ipv4Text(bytes, 0) : ipv6Text(bytes, 0);
  } catch {
    return undefined;
  }
}
