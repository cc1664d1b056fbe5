import { isIP } from 'node:net';

/**
 * Whether a request's Host header may be served. A page of a foreign site can have its own name point to 127.0.0.1 and
 * so read what is served there (DNS rebinding); it cannot do so with an address, `localhost` or this node's name.
 */
export function isOwnHost(header: string | undefined, nodeName: string): boolean {
  const host = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(header ?? '');
  const name = (host?.[1] ?? host?.[2] ?? '').toLowerCase();
  if (host?.[1] !== undefined) return isIP(name) === 6;
  return isIP(name) === 4 || name === 'localhost' || name === nodeName.toLowerCase();
}
