import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TcpSocketReader } from '../../../src/decode/tcp-socket.ts';
import { scanTcpSockets } from '../../../src/kernel/tcp-sockets.ts';
import { ipv4Text, ipv6Text } from '../../../src/lib/ip-text.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';

const HEADING = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n';
/** A socket of 127.0.0.1 with this local port, connected to port 9. */
const line = (port: number, remotePort = 9) =>
  `   0: 0100007F:${hex(port)} 0100007F:${hex(remotePort)} 01 00000000:00000000 00:00000000 00000000 0\n`;
const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
const createReader = (v6: boolean) => new TcpSocketReader(v6);
const noPause = () => undefined;

/** Scans, and collects copies of what is visited; `onSocket` is called as well. */
async function scan(proc: string, onSocket = (_: TcpSocket) => {}) {
  const sockets: TcpSocket[] = [];
  const addresses = new Set<string>();
  const visitor = {
    onSocket(socket: TcpSocket) {
      sockets.push({ ...socket, words: socket.words.slice() });
      onSocket(socket);
    },
    wants: () => true,
    onLocalAddress(v6: boolean, words: Uint32Array) {
      const view = new DataView(new ArrayBuffer(16));
      words.forEach((word, i) => void view.setUint32(4 * i, word));
      const bytes = new Uint8Array(view.buffer);
      addresses.add(v6 ? ipv6Text(bytes, 0) : ipv4Text(bytes, 0));
    },
  };
  const result = await scanTcpSockets(proc, visitor, noPause, createReader);
  return { sockets, addresses, result, ports: sockets.map(({ localPort }) => localPort) };
}

/** A folder like /proc: by PID, the files of its net/. */
function procRoot(t: TestContext, processes: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const root = mkdtempSync(join(tmpdir(), 'proc-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [pid, files] of Object.entries(processes)) {
    mkdirSync(join(root, pid, 'net'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, pid, 'net', name), text);
  }
  return {
    root,
    pathOf: (pid: string, name = '') => join(root, pid, 'net', name),
    /** Puts a process into the namespace of another one. */
    join(pid: string, other: string) {
      mkdirSync(join(root, pid, 'net'), { recursive: true });
      for (const name of readdirSync(join(root, other, 'net'))) {
        linkSync(join(root, other, 'net', name), join(root, pid, 'net', name));
      }
    },
  };
}

test('connections of this process, with and without keepalive, each of their ends once', async (t) => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket));
  server.listen(); // On IPv6 where there is, so that its ends are IPv4-mapped ones.
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 5 }, () => connect({ port, host: '127.0.0.1' }));
  t.after(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    server.close();
  });
  await Promise.all(clients.map((client) => once(client, 'connect')));
  while (accepted.length < 5) await once(server, 'connection');
  for (const client of clients.slice(0, 3)) client.setKeepAlive(true, 60_000);

  const { sockets, result } = await scan('/proc');
  assert.equal(result.problem, undefined);
  assert.deepEqual([result.unreadable, result.malformed], [0, 0]);
  assert.ok(result.namespaces >= 1);
  const mine = sockets.filter(({ localPort, remotePort }) => localPort === port || remotePort === port);
  for (const { v6, words, state } of mine) {
    assert.deepEqual([v6, ...words, state], [false, 0x7f000001, 0, 0, 0, 0x7f000001, 0, 0, 0, 1]);
  }
  const timerOf = (local: number, remote: number) =>
    mine.filter((s) => s.localPort === local && s.remotePort === remote).map(({ timer }) => timer);
  for (const [i, { localPort }] of clients.entries()) {
    assert.deepEqual(timerOf(localPort!, port), [i < 3 ? 2 : 0], `client ${i}`);
    assert.deepEqual(timerOf(port, localPort!), [0], `server's end of ${i}`);
  }
  assert.equal(mine.length, 10);
  for (const { timer, timerHundredths } of mine) {
    if (timer === 2) assert.ok(timerHundredths > 3000 && timerHundredths <= 6000, String(timerHundredths));
    else assert.equal(timerHundredths, 0);
  }
});

test('the addresses of this machine, without loopback', async () => {
  const { addresses } = await scan('/proc');
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address, internal } of interfaces) {
    if (!internal) assert.ok(addresses.has(address), `${address} of ${[...addresses]}`);
  }
  assert.ok(![...addresses].some((address) => address.startsWith('127.') || address === '::1'));
});

test('each namespace once, its four files; listening sockets left out', async (t) => {
  const ipv6 = `   0: ${'B80D0120000000000000000001000000'}:0001 B80D0120000000000000000001000000:0009 01`;
  const proc = procRoot(t, {
    '10': {
      tcp: HEADING + line(1000) + line(1001) + line(80, 0),
      tcp6: `${HEADING}${ipv6} 00000000:00000000 02:00000064 00000000 0\n`,
      fib_trie: [
        'Main:',
        '     |-- 10.0.0.0\n        /24 link UNICAST',
        'Local:\n  +-- 0.0.0.0/0 3 0 5',
        '     |-- 10.0.0.5\n        /32 host LOCAL',
        '     |-- 10.0.0.255\n        /32 link BROADCAST',
        '     |-- 10.8.0.0\n        /16 host LOCAL',
        '     |-- 127.0.0.1\n        /32 host LOCAL',
        '     |-- 999.0.0.1\n        /32 host LOCAL\n',
      ].join('\n'),
      if_inet6:
        '20010db8000000000000000000000001 01 80 00 82     eth0\nnonsense\n' +
        '00000000000000000000000000000001 01 80 10 80       lo\n',
    },
    '30': { tcp: `${HEADING}${line(3000)}nonsense\n` },
    self: { tcp: HEADING + line(9999) },
  });
  for (const pid of ['11', '12', '13', '14']) proc.join(pid, '10');
  const { ports, addresses, result } = await scan(proc.root);
  assert.deepEqual(ports, [1000, 1001, 1, 3000]);
  assert.deepEqual([...addresses].sort(), ['10.0.0.5', '2001:db8::1']);
  assert.deepEqual(result, { namespaces: 2, unreadable: 0, problem: undefined, malformed: 1 });
});

test('lines across the ends of the buffer', async (t) => {
  const ports = Array.from({ length: 5000 }, (_, i) => 1000 + i);
  const routes = ports.map((i) => `     |-- 10.1.${i >> 8}.${i & 255}\n        /32 host LOCAL\n`);
  const proc = procRoot(t, {
    '1': { tcp: HEADING + ports.map((port) => line(port)).join(''), fib_trie: routes.join('') },
  });
  const found = await scan(proc.root);
  assert.deepEqual(found.ports, ports);
  assert.equal(found.addresses.size, ports.length);
  assert.ok(found.addresses.has('10.1.3.232') && found.addresses.has('10.1.23.111'));
});

test('a process that ends during the scan: another one of its namespace is read', async (t) => {
  const proc = procRoot(t, {
    '10': { tcp: HEADING + line(1000) },
    '20': { tcp: HEADING + line(2000) },
    '30': { tcp: HEADING + line(3000) },
    '40': { tcp: HEADING + line(4000) },
  });
  proc.join('21', '20');
  proc.join('22', '20');
  const { ports, result } = await scan(proc.root, ({ localPort }) => {
    if (localPort !== 1000) return;
    rmSync(join(proc.root, '20'), { recursive: true });
    // The PID is used again, by a process of a namespace that was not found.
    rmSync(proc.pathOf('21', 'tcp'));
    writeFileSync(proc.pathOf('21', 'tcp'), HEADING + line(6666));
    // The only one of its namespace.
    rmSync(join(proc.root, '30'), { recursive: true });
  });
  assert.deepEqual(ports, [1000, 2000, 4000]);
  assert.deepEqual(result, { namespaces: 3, unreadable: 0, problem: undefined, malformed: 0 });
});

test('a namespace without a wanted address is not read', async (t) => {
  const routes = '     |-- 10.1.2.3\n        /32 host LOCAL\n';
  const { root } = procRoot(t, { '1': { tcp: HEADING + line(1000), fib_trie: routes } });
  const asked: number[] = [];
  const visited: string[] = [];
  const scanned = await scanTcpSockets(
    root,
    {
      onSocket: () => visited.push('socket'),
      wants: (_, words) => asked.push(words[0]!) < 0,
      onLocalAddress: () => visited.push('address'),
    },
    noPause,
    createReader,
  );
  assert.deepEqual(asked, [0x0a010203]);
  assert.deepEqual(visited, []);
  assert.equal(scanned.problem, undefined);
});

test('what cannot be read is counted, with the first reason, and the rest is read', async (t) => {
  const tcp = HEADING + line(3000);
  const proc = procRoot(t, { '10': {}, '20': {}, '30': { tcp }, '40': {}, '50': { tcp } });
  symlinkSync('tcp', proc.pathOf('10', 'tcp')); // stat: ELOOP
  mkdirSync(proc.pathOf('20', 'tcp')); // read: EISDIR
  symlinkSync('tcp6', proc.pathOf('50', 'tcp6')); // open: ELOOP
  const { ports, result } = await scan(proc.root);
  assert.deepEqual(ports, [3000]);
  const problem = `${proc.pathOf('10', 'tcp')}: ELOOP`;
  assert.deepEqual(result, { namespaces: 1, unreadable: 3, problem, malformed: 0 });

  rmSync(join(proc.root, '10'), { recursive: true });
  assert.equal((await scan(proc.root)).result.problem, `${join(proc.root, '20/net')}: EISDIR`);
  const missing = join(proc.root, 'missing');
  assert.deepEqual((await scan(missing)).result, {
    namespaces: 0,
    unreadable: 1,
    problem: `${missing}: ENOENT`,
    malformed: 0,
  });
});

test('nothing is left open, also when a visitor throws', async (t) => {
  const proc = procRoot(t, {
    '10': { tcp: HEADING + line(1000), tcp6: HEADING, fib_trie: '', if_inet6: '' },
  });
  const openFiles = () => readdirSync('/proc/self/fd').length;
  const before = openFiles();
  await scan(proc.root);
  assert.equal(openFiles(), before);
  const failure = new Error('of the visitor');
  const failing = scan(proc.root, () => {
    throw failure;
  });
  await assert.rejects(failing, failure);
  assert.equal(openFiles(), before);
});

test('it pauses between processes and between chunks, and waits for the end of the pause', async (t) => {
  const tcp = HEADING + Array.from({ length: 4000 }, (_, i) => line(1000 + i)).join('');
  const proc = procRoot(t, { '1': { tcp } });
  for (let pid = 2; pid <= 50; pid++) proc.join(String(pid), '1');
  let [pauses, seen, isPausing] = [0, 0, false];
  const seenAt: number[] = [];
  const goesOn = () => assert.ok(!isPausing, 'goes on during a pause');
  const breathe = () => {
    goesOn();
    pauses += 1;
    isPausing = true;
    seenAt.push(seen);
    return new Promise<void>((resolve) => {
      setTimeout(() => {
        isPausing = false;
        resolve();
      }, 1);
    });
  };
  const onSocket = () => {
    goesOn();
    seen += 1;
  };
  await scanTcpSockets(
    proc.root,
    { onSocket, wants: () => true, onLocalAddress: () => {} },
    breathe,
    createReader,
  );
  const chunks = Math.ceil(tcp.length / 65_536);
  assert.equal(pauses, 50 + chunks);
  assert.ok(
    seenAt.slice(1).every((count, i) => count - seenAt[i]! <= 1000),
    String(seenAt),
  );
  assert.equal(seen, 4000);
});
