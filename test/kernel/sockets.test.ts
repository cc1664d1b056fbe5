/** The sockets of other network namespaces, as the kernel shows them in /proc. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { TcpSocketReader } from '../../src/decode/tcp-socket.ts';
import { type SocketScan, scanTcpSockets } from '../../src/kernel/tcp-sockets.ts';
import { runCommand } from '../../src/lab/run-command.ts';
import { ipBytes } from '../../src/lib/ip-text.ts';
import { type Cluster, createCluster, skip } from '../support/cluster.ts';

const NOBODY = 65_534;
const ESTABLISHED = 1;

interface Seen {
  readonly scan: SocketScan;
  /** Those of connections to one port, as `v6 local port remote port state timer`; addresses in hex. */
  readonly sockets: readonly string[];
  readonly addresses: readonly string[];
}

/** Self-contained: its source is also run by a process of its own. */
async function see(scan: typeof scanTcpSockets, Reader: typeof TcpSocketReader, port: number): Promise<Seen> {
  const [sockets, addresses]: [string[], string[]] = [[], []];
  const hex = (words: Uint32Array, from: number, v6: boolean) =>
    [...words.subarray(from, from + (v6 ? 4 : 1))].map((word) => word.toString(16).padStart(8, '0')).join('');
  const result = await scan(
    '/proc',
    {
      onSocket({ v6, words, localPort, remotePort, state, timer }) {
        if (remotePort !== port) return;
        const [local, remote] = [hex(words, 0, v6), hex(words, 4, v6)];
        sockets.push([v6, local, localPort, remote, remotePort, state, timer].join(' '));
      },
      wants: () => true,
      onLocalAddress: (v6, words) => void addresses.push(hex(words, 0, v6)),
    },
    () => undefined,
    (v6) => new Reader(v6),
  );
  return { scan: result, sockets, addresses };
}

/** The same seen by a process that gave up root, and with it every capability. */
async function seeAsNobody(port: number) {
  const url = (file: string) => JSON.stringify(pathToFileURL(`${import.meta.dirname}/../../src/${file}`));
  const script = `
    import { readFileSync, readlinkSync } from 'node:fs';
    import { scanTcpSockets } from ${url('kernel/tcp-sockets.ts')};
    import { TcpSocketReader } from ${url('decode/tcp-socket.ts')};
    process.setgroups([]);
    process.setgid(${NOBODY});
    process.setuid(${NOBODY});
    const capabilities = /CapEff:\\s*(\\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
    let link = 'readable';
    try { readlinkSync('/proc/' + process.ppid + '/ns/net') } catch (error) { link = error.code }
    const see = ${see};
    const seen = await see(scanTcpSockets, TcpSocketReader, ${port});
    console.log(JSON.stringify({ ...seen, capabilities, link }));`;
  const stdout = await runCommand(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout) as Seen & { readonly capabilities: string; readonly link: string };
}

const hexOf = (ip: string) => Buffer.from(ipBytes(ip)).toString('hex');

/** The client's ends, as the client has them. */
async function expected({ client, target, lab }: Cluster): Promise<string[]> {
  const list = await client.connections();
  const remote = hexOf(target.host);
  return list.map(({ localAddress, localPort }) =>
    [lab.family === 6, hexOf(localAddress), localPort, remote, target.port, ESTABLISHED, 0].join(' '),
  );
}

describe('sockets', { skip }, () => {
  for (const family of [4, 6] as const) {
    test(`IPv${family}: a client in another namespace, seen by root and by nobody`, async (t) => {
      const cluster = await createCluster(t, { family, backends: 1 });
      const { client, target, lab } = cluster;
      await client.connect({ ...target, count: 3 });
      const sockets = (await expected(cluster)).sort();
      assert.equal(sockets.length, 3);

      const seen = await see(scanTcpSockets, TcpSocketReader, target.port);
      // Labs of other runs may be there as well, with the same addresses.
      const ofThisLab = (of: Seen) => of.sockets.filter((socket) => sockets.includes(socket)).sort();
      assert.deepEqual(ofThisLab(seen), sockets);
      assert.ok(seen.scan.namespaces >= 3, 'client, server, node');

      const nobody = await seeAsNobody(target.port);
      assert.equal(Number.parseInt(nobody.capabilities, 16), 0);
      assert.equal(nobody.link, 'EACCES', 'no ptrace rights');
      assert.deepEqual(ofThisLab(nobody), sockets);
      for (const { addresses, scan } of [seen, nobody]) {
        assert.deepEqual([scan.unreadable, scan.malformed, scan.problem], [0, 0, undefined]);
        for (const { address } of [lab.clients[0]!, lab.servers[0]!, lab.node]) {
          assert.ok(addresses.includes(hexOf(address)), `${address} of ${addresses}`);
        }
      }

      await client.closeAll();
      const left = await see(scanTcpSockets, TcpSocketReader, target.port);
      assert.deepEqual(ofThisLab(left), []);
    });
  }
});
