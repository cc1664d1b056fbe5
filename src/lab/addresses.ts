import type { Endpoint } from '../model/finding.ts';

/** Who has which address in a lab. Shaped like a cluster's defaults, so that output looks familiar. */
export interface AddressPlan {
  readonly podCidr: string;
  readonly service: Endpoint;
  readonly node: string;
  readonly outside: string;
  /** Per client pod: its addresses, the preferred source address first. */
  readonly clients: readonly (readonly string[])[];
  readonly servers: readonly Endpoint[];
}

const SERVICE_PORT = 6379;
const BACKEND_PORT = 8080;

/** The most clients, servers and addresses of one client that the plan has room for. */
export const MOST = { clients: 90, servers: 8, clientAddresses: 250 } as const;

/** Client pod i has 10.244.(i+1).2 and following, server pod i 10.244.(i+101).2; IPv6 reads the same. */
export function planAddresses(
  family: 4 | 6,
  clients: number,
  clientAddresses: number,
  servers: number,
): AddressPlan {
  const pod = (third: number, host: number) =>
    family === 4 ? `10.244.${third}.${host}` : `fd00:10:244:${third}::${host.toString(16)}`;
  return {
    podCidr: family === 4 ? '10.244.0.0/16' : 'fd00:10:244::/48',
    service: { ip: family === 4 ? '10.96.33.37' : 'fd00:10:96::2525', port: SERVICE_PORT },
    node: family === 4 ? '172.18.0.2' : 'fd00:172:18::2',
    outside: family === 4 ? '172.18.0.9' : 'fd00:172:18::9',
    clients: times(clients, (i) => times(clientAddresses, (k) => pod(i + 1, k + 2))),
    servers: times(servers, (i) => ({ ip: pod(i + 101, 2), port: BACKEND_PORT })),
  };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
