import type { Lab } from '../src/lab/lab.ts';
import { exec } from '../src/lab/namespace.ts';

const CLIENT_ADDRESSES = 8;
const FIRST_PORT = 1024;

/** Established, translated connections, made by ctnetlink: nobody has to open a hundred thousand sockets. */
export async function makeEntries(lab: Lab, entries: number): Promise<void> {
  const { service, servers } = lab;
  const lines = Array.from({ length: entries }, (_, i) => {
    const source = `10.244.1.${2 + (i % CLIENT_ADDRESSES)}`;
    const port = FIRST_PORT + Math.floor(i / CLIENT_ADDRESSES);
    const backend = servers[i % servers.length]!;
    return `-I -p tcp -s ${source} -d ${service.ip} --sport ${port} --dport ${service.port} --dst-nat ${backend.ip}:${backend.port} --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 86400\n`;
  });
  // Through a pipe of the shell: conntrack opens /dev/stdin, and what Node.js gives a child is a socket.
  await exec(lab.node, 'sh', ['-c', 'cat | conntrack -R -'], lines.join(''));
  const made = Number(await exec(lab.node, 'conntrack', ['-C']));
  if (made < entries) throw new Error(`conntrack -R made ${made} of ${entries} entries`);
}
