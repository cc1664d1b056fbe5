import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countIpvsServices } from '../../../src/decode/ipvs-services.ts';
import { readLegacyChains } from '../../../src/decode/legacy-chains.ts';
import { readRuleChains } from '../../../src/decode/rule-chains.ts';
import type { RuleChain } from '../../../src/model/rule-chain.ts';

/** nlattr with a C string. */
function attribute(type: number, text: string): Buffer {
  const bytes = Buffer.alloc((4 + text.length + 1 + 3) & ~3);
  bytes.writeUInt16LE(4 + text.length + 1, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.write(text, 4, 'latin1');
  return bytes;
}

/** nlmsghdr, then a payload. */
function message(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  return Buffer.concat([header, payload]);
}

const NEWCHAIN = 0xa03;
const chain = (table: string, name: string, flags = 2) =>
  message(
    NEWCHAIN,
    flags,
    Buffer.concat([Buffer.from([2, 0, 0, 0]), attribute(1, table), attribute(3, name)]),
  );
const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

function read(...parts: Buffer[]) {
  const chains: RuleChain[] = [];
  const end = readRuleChains(Buffer.concat(parts), (each) => chains.push(each));
  return { chains, end };
}

test('chains of a dump of nftables, and its end', () => {
  const [first, second] = [chain('nat', 'KUBE-SERVICES'), chain('kube-proxy', 'services')];
  const chains = [
    { table: 'nat', name: 'KUBE-SERVICES' },
    { table: 'kube-proxy', name: 'services' },
  ];
  assert.deepEqual(read(first, second), { chains, end: 'more' });
  assert.deepEqual(read(first, second, message(3, 2, number(0))), { chains, end: 'done' });
  assert.deepEqual(read(message(3, 2, number(0)), first), { chains: [], end: 'done' });
});

test('an error has its number, a change of the rules interrupts', () => {
  assert.deepEqual(read(message(2, 0, Buffer.concat([number(-1), Buffer.alloc(16)]))).end, { errno: 1 });
  assert.equal(read(chain('nat', 'KUBE-SERVICES', 0x12)).end, 'interrupted');
  assert.equal(read(message(3, 0x12, number(0))).end, 'interrupted');
});

test('what makes no sense is left out, or ends it', () => {
  const broken = chain('nat', 'x');
  broken.writeUInt16LE(400, 20);
  assert.deepEqual(read(broken, chain('nat', 'y')), { chains: [{ table: 'nat', name: 'y' }], end: 'more' });
  assert.equal(read(chain('nat', 'x').subarray(0, 30)).end, 'interrupted');
  assert.deepEqual(read(message(0x103, 0, Buffer.alloc(40))), { chains: [], end: 'more' });
  assert.deepEqual(read(message(NEWCHAIN, 0, Buffer.alloc(0))), { chains: [], end: 'more' });
});

/** An entry of iptables-legacy: where its target begins and it ends, the target's name, what the target knows. */
function entry(family: 4 | 6, target: string, data: string): Buffer {
  const [offsets, size] = family === 4 ? [88, 112] : [140, 168];
  const bytes = Buffer.alloc(size + 64);
  bytes.writeUInt16LE(size, offsets);
  bytes.writeUInt16LE(bytes.length, offsets + 2);
  bytes.write(target, size + 2);
  bytes.write(data, size + 32);
  return bytes;
}

for (const family of [4, 6] as const) {
  test(`chains of iptables-legacy, IPv${family}`, () => {
    const table = Buffer.concat([
      entry(family, '', 'KUBE-NOT-A-CHAIN'),
      entry(family, 'ERROR', 'KUBE-SERVICES'),
      entry(family, 'MARK', ''),
      entry(family, 'ERROR', 'KUBE-SVC-A2GINCSAJTBNF4R3'),
      entry(family, 'ERROR', 'ERROR'),
    ]);
    const names = ['KUBE-SERVICES', 'KUBE-SVC-A2GINCSAJTBNF4R3'];
    assert.deepEqual(readLegacyChains(table, family), names);
    assert.deepEqual(readLegacyChains(table.subarray(0, table.length - 1), family), names);
    for (let end = 0; end < table.length; end++) readLegacyChains(table.subarray(0, end), family);
  });
}

test('entries of iptables-legacy that lead nowhere end it', () => {
  const loop = entry(4, 'ERROR', 'x');
  loop.writeUInt16LE(0, 90);
  assert.deepEqual(readLegacyChains(loop, 4), []);
  const outside = entry(4, 'ERROR', 'x');
  outside.writeUInt16LE(60_000, 88);
  assert.deepEqual(readLegacyChains(outside, 4), []);
  assert.deepEqual(readLegacyChains(new Uint8Array(0), 4), []);
});

// cat /proc/net/ip_vs; the lines are made as ip_vs_info_seq_show of Linux 6.1 prints them.
const IP_VS = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A6C0001:01BB rr 
  -> AC1FFA01:403B      Masq    1      0          0         
UDP  0A6C000A:0035 rr 
TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:08AE rr 
`;

test('Services of IPVS: its virtual TCP servers', () => {
  assert.equal(countIpvsServices(IP_VS), 2);
  assert.equal(countIpvsServices(IP_VS.split('\n').slice(0, 3).join('\n')), 0);
  assert.equal(countIpvsServices(''), 0);
});
