import { createHash } from 'node:crypto';
import type { Endpoint } from '../model/finding.ts';

/**
 * Whose connections get the node's address and a random source port: nobody's; those from outside the pod
 * addresses (kube-proxy with a cluster CIDR: host network, other machines); or all (`--masquerade-all`).
 */
export type MasqueradeFrom = 'none' | 'outside-pods' | 'all';

/** One Service port and where it leads. */
export interface ServiceRules {
  readonly family: 4 | 6;
  readonly name: { readonly namespace: string; readonly service: string; readonly port: string };
  readonly service: Endpoint;
  readonly backends: readonly Endpoint[];
  readonly masqueradeFrom: MasqueradeFrom;
  /** The addresses of the pods, for example `10.244.0.0/16`. */
  readonly podCidr: string;
}

/** The mark for "masquerade this in POSTROUTING": kube-proxy's default, bit 14. */
export const MASQUERADE_MARK = '0x4000';

/** kube-proxy's hash for chain names: the first characters of SHA-256 in base32. */
export function kubeHash(text: string, length: number): string {
  const bits = [...createHash('sha256').update(text).digest()]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const digits = Array.from({ length }, (_, i) => Number.parseInt(bits.slice(i * 5, i * 5 + 5), 2));
  return digits.map((digit) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[digit]).join('');
}

/** `10.244.0.2:8080`, `[fd00::2]:8080`. */
export function withPort({ ip, port }: Endpoint): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
