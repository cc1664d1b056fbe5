/** More Service addresses than a cluster has; beyond that new ones are not learned. */
const CAPACITY = 65_536;

/** Addresses that a recording has shown to be those of Services: their destination was translated. */
export interface ServiceAddresses {
  add(ip: string, port: number): void;
  has(ip: string, port: number): boolean;
}

/** By address and then port, so that no text has to be made to look for one: it is done for every new connection. */
export function createServiceAddresses(): ServiceAddresses {
  const ports = new Map<string, Set<number>>();
  let size = 0;
  return {
    add(ip, port) {
      const known = ports.get(ip);
      if (known?.has(port) || size === CAPACITY) return;
      size++;
      if (known) known.add(port);
      else ports.set(ip, new Set([port]));
    },
    has: (ip, port) => ports.get(ip)?.has(port) ?? false,
  };
}
