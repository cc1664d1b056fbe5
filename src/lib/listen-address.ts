import { isIPv4, isIPv6 } from 'node:net';
import { endpointText } from './endpoint-text.ts';

/** Where to listen. An empty host means every address of the machine, IPv6 and IPv4; port 0 means any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * `0.0.0.0:9469`, `[::1]:0` or `:9469`; undefined for anything else. Host names are refused: what they mean is
 * up to a resolver, and it may be more than one address.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  return plain === '' || isIPv4(plain!) ? { host: plain!, port } : undefined;
}

/** The text that parseListenAddress reads back. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return endpointText(host, port);
}
