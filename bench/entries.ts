import type { Lab } from '../src/lab/lab.ts';
import { exec } from '../src/lab/namespace.ts';

const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
const PORTS = LAST_PORT - FIRST_PORT + 1;
/** A few clients have all connections of a node; more only when their ports do not suffice. */
const FEWEST_ADDRESSES = 8;
const FIRST_ADDRESS = 2;
const MOST_ADDRESSES = 250;
/** Lines that are handed over at a time: a million at once is one text of 170 MB. */
const PORTION = 100_000;

export interface Client {
  readonly ip: string;
  readonly port: number;
}

/** The client of each of so many connections, no two alike. */
export function entryClients(entries: number): (index: number) => Client {
  const addresses = Math.max(FEWEST_ADDRESSES, Math.ceil(entries / PORTS));
  if (addresses > MOST_ADDRESSES) throw new RangeError(`${entries} entries are more than there are clients`);
  return (index) => ({
    ip: `10.244.1.${FIRST_ADDRESS + (index % addresses)}`,
    port: FIRST_PORT + Math.floor(index / addresses),
  });
}

/** Established, translated connections, made by ctnetlink: nobody has to open a hundred thousand sockets. */
export async function makeEntries(lab: Lab, entries: number): Promise<void> {
  const { service, servers } = lab;
  const clientOf = entryClients(entries);
  for (let first = 0; first < entries; first += PORTION) {
    const lines = Array.from({ length: Math.min(PORTION, entries - first) }, (_, i) => {
      const { ip, port } = clientOf(first + i);
      const backend = servers[(first + i) % servers.length]!;
      return `-I -p tcp -s ${ip} -d ${service.ip} --sport ${port} --dport ${service.port} --dst-nat ${backend.ip}:${backend.port} --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 86400\n`;
    });
    // Through a pipe of the shell: conntrack opens /dev/stdin, and what Node.js gives a child is a socket.
    await exec(lab.node, 'sh', ['-c', 'cat | conntrack -R -'], lines.join(''));
  }
  const made = Number(await exec(lab.node, 'conntrack', ['-C']));
  if (made < entries) throw new Error(`conntrack -R made ${made} of ${entries} entries`);
}
