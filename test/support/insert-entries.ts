import type { Lab } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';

/** Established, translated entries made by ctnetlink, from the ports 2000 on: each is an event, in this order. */
export async function insertEntries(
  lab: Lab,
  count: number,
  client = lab.clients[0]!.address,
): Promise<void> {
  const { service, servers } = lab;
  const [backend] = servers;
  const lines = Array.from(
    { length: count },
    (_, i) =>
      `-I -p tcp -s ${client} -d ${service.ip} --sport ${2000 + i} --dport ${service.port} --dst-nat ${backend!.ip}:${backend!.port} --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 86400\n`,
  );
  // Through a pipe of the shell: conntrack opens /dev/stdin, and what Node.js gives a child is a socket.
  await exec(lab.node, 'sh', ['-c', 'cat | conntrack -R -'], lines.join(''));
}
