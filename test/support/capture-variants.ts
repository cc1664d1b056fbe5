/**
 * Plays each variant with one connection in a lab and records the datagrams of the groups NEW, UPDATE and DESTROY,
 * unfiltered, as hex: one story a heading, one datagram a line, each under a comment that says what it is.
 */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { decodeDatagram } from '../../src/decode/datagram.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEventSocket } from '../../src/kernel/event-socket.ts';
import { createLab, type Lab, type LabOptions } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { startServers } from '../../src/lab/servers.ts';
import type { Tuple } from '../../src/model/flow.ts';
import type { FlowEvent } from '../../src/model/flow-event.ts';
import { inNamespace } from './in-namespace.ts';

interface Scene {
  readonly lab: Lab;
  readonly client: Peer;
  readonly server: Peer;
  readonly target: { readonly host: string; readonly port: number };
}
interface Variant {
  readonly options?: Partial<LabOptions>;
  /** Before recording begins, for what the agent is not to know. */
  readonly before?: (scene: Scene) => Promise<void>;
  readonly play: (scene: Scene) => Promise<unknown>;
}

const first = ({ lab }: Scene) => lab.setBackends([lab.servers[0]!]);
const second = ({ lab }: Scene) => lab.setBackends([lab.servers[1]!]);
const connect = ({ client, target }: Scene) => client.connect({ ...target, count: 1 });
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function openOnFirst(scene: Scene): Promise<void> {
  await first(scene);
  await connect(scene);
  await second(scene);
}

async function sendAndSettle(peer: Peer, timeoutMs = 3000): Promise<void> {
  await peer.send();
  await peer.settle({ timeoutMs });
}

async function flushThenSend(scene: Scene): Promise<void> {
  await scene.lab.flush();
  await sendAndSettle(scene.client);
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  expiry: {
    options: { timeouts: { established: 1 } },
    play: async (scene) => {
      await openOnFirst(scene);
      await wait(1500);
      await sendAndSettle(scene.client);
    },
  },
  flush: { play: async (scene) => openOnFirst(scene).then(() => flushThenSend(scene)) },
  'flush, IPv6': {
    options: { family: 6 },
    play: async (scene) => openOnFirst(scene).then(() => flushThenSend(scene)),
  },
  'server speaks first, then the client': {
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.lab.flush();
      await sendAndSettle(scene.server);
      await sendAndSettle(scene.client);
    },
  },
  stalled: {
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.lab.drop(scene.lab.servers[1]!, 'server');
      await scene.lab.flush();
      await scene.client.send();
      await scene.client.settle({ timeoutMs: 300 });
    },
  },
  'half-closed expiry': {
    options: { timeouts: { closeWait: 1 } },
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.server.endAll();
      await scene.client.waitFor({ halfClosed: 1 });
      await wait(1500);
      await sendAndSettle(scene.client);
    },
  },
  'same mapping, survived, closed in order': {
    options: { backends: 1 },
    play: async (scene) => {
      await connect(scene);
      await flushThenSend(scene);
      await scene.client.closeAll();
    },
  },
  'one backend, masqueraded': {
    options: { backends: 1, masquerade: 'all' },
    play: async (scene) => connect(scene).then(() => flushThenSend(scene)),
  },
  'not translated any more': {
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.lab.removeService();
      await scene.lab.flush();
      await scene.client.send();
      await scene.client.settle({ timeoutMs: 300 });
    },
  },
  'client on the host network': {
    options: { masquerade: 'none' },
    play: async (scene) => {
      const client = await startPeer(scene.lab.node);
      const onNode = { ...scene, client };
      await openOnFirst(onNode);
      await flushThenSend(onNode);
    },
  },
  'nothing known before': {
    before: async (scene) => {
      // Entries made with events off are blind, as those made before anybody listened are.
      await exec(scene.lab.node, 'sysctl', ['-qw', 'net.netfilter.nf_conntrack_events=0']);
      await openOnFirst(scene);
      await exec(scene.lab.node, 'sysctl', ['-qw', 'net.netfilter.nf_conntrack_events=2']);
    },
    play: flushThenSend,
  },
  'inserted by a program': {
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.lab.flush();
      const [{ localAddress, localPort } = { localAddress: '', localPort: 0 }] =
        await scene.client.connections();
      const { ip, port } = scene.lab.servers[0]!;
      await exec(scene.lab.node, 'conntrack', [
        ...['-I', '-p', 'tcp', '-s', localAddress, '--sport', String(localPort)],
        ...['-d', scene.target.host, '--dport', String(scene.target.port), '--dst-nat', `${ip}:${port}`],
        ...['--state', 'ESTABLISHED', '-u', 'ASSURED,SEEN_REPLY', '-t', '86400'],
      ]);
      await sendAndSettle(scene.client);
    },
  },
  'connection refused': {
    play: ({ client, lab }) => client.refused({ host: lab.servers[0]!.ip, port: 9, count: 2 }),
  },
  'ordinary churn': { play: ({ client, target }) => client.churn({ ...target, count: 3 }) },
  'retransmitted after a stall': {
    play: async (scene) => {
      await openOnFirst(scene);
      await scene.lab.drop(scene.lab.servers[1]!, 'server');
      await scene.lab.flush();
      await scene.client.send();
      await scene.client.settle({ timeoutMs: 100 });
      await scene.lab.flush();
      await scene.lab.stopDropping();
      await scene.client.settle({ timeoutMs: 5000 });
    },
  },
  'in zone 7': {
    options: { masquerade: 'none' },
    before: async ({ lab }) => {
      const rules = ['add table ip z', 'add chain ip z c { type filter hook prerouting priority raw; }'];
      await exec(lab.node, 'nft', ['-f', '-'], [...rules, 'add rule ip z c ct zone set 7'].join('\n'));
    },
    play: async (scene) => openOnFirst(scene).then(() => flushThenSend(scene)),
  },
};

async function record({ options, before, play }: Variant): Promise<string[]> {
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 2, ...options });
  try {
    const [[server], client] = await Promise.all([startServers(lab), startPeer(lab.clients[0]!)]);
    const scene = { lab, client, server: server!, target: { host: lab.service.ip, port: lab.service.port } };
    await before?.(scene);
    const lines: string[] = [];
    const socket = inNamespace(lab.node, () =>
      openEventSocket({
        clock: systemClock(),
        receiveBufferBytes: 2 ** 22,
        filter: undefined,
        groups: [1, 2, 3],
        onDatagram: (datagram) => {
          const [message] = decodeDatagram(datagram);
          lines.push(`## ${message?.kind === 'flow' ? describe(message.event) : message?.kind}`);
          lines.push(Buffer.from(datagram.bytes).toString('hex'));
        },
      }),
    );
    await play(scene);
    await wait(100);
    socket.close();
    return lines;
  } finally {
    await lab.close();
  }
}

function describe(event: FlowEvent): string {
  const tuple = ({ src, sport, dst, dport }: Tuple) => `${src} ${sport} > ${dst} ${dport}`;
  const status = `status 0x${event.status?.toString(16)}`;
  const left = event.timeoutSeconds === undefined ? 'no timeout' : `timeout ${event.timeoutSeconds}`;
  const by = event.portId === 0 ? 'kernel' : `port id ${event.portId}`;
  return `${event.type.toUpperCase()} ${event.tcpState} ${tuple(event.original)} | ${tuple(event.reply)} ${status}, ${left}, ${by}`;
}

const version = /^\d+\.\d+/.exec(release())![0];
const out = [
  `## Linux ${version}, groups NEW, UPDATE and DESTROY, unfiltered; made by scripts/capture.`,
  '## One datagram a line: nlmsghdr, nfgenmsg, then attributes (see annotated.md). Little-endian host.',
];
for (const [name, variant] of Object.entries(VARIANTS)) {
  process.stderr.write(`${name}\n`);
  out.push(`# ${name}`, ...(await record(variant)));
}
const file = new URL(`../fixtures/bytes/linux-${version}-variants.hex`, import.meta.url);
writeFileSync(file, `${out.join('\n')}\n`);
