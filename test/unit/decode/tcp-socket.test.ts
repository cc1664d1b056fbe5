import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TcpSocketReader } from '../../../src/decode/tcp-socket.ts';
import type { TcpSocket } from '../../../src/model/tcp-socket.ts';

/** Linux 6.18: a namespace with one socket of each kind. Lines of tcp are padded. */
const TCP = `
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15649166 1 000000003449f9af 100 0 0 10 0
   1: 0100007F:AD6D 0100007F:EC78 01 00000000:00000000 00:00000000 00000000     0        0 15649152 1 000000007f565139 20 0 0 10 -1
   3: 0100007F:B69C 0100007F:C8A9 01 002AC710:00000000 04:00000020 00000000     0        1 15649157 2 00000000c6bd0136 20 0 0 12 -1
   5: 020200C0:EE14 090200C0:18EB 02 00000001:00000000 01:00000051 00000001     0        0 15649159 2 0000000019063b2a 100 0 0 1 -1
   7: 0100007F:E17A 0100007F:B74B 06 00000000:00000000 03:000016F8 00000000     0        0 0 3 0000000022545d43
12349: 0100007F:EC78 0100007F:AD6D 01 00000000:00000000 02:000016F8 00000000     0        0 15649151 2 000000004163adf6 20 0 0 10 -1
`;
const TCP6 = `
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:9F84 0000000000000000FFFF00000100007F:AA47 01 00000000:00000000 00:00000000 00000000     0        0 15649164 1 00000000e85a186b 20 0 0 10 -1
   2: B80D0120000000000000000001000000:980C B80D0120000000000000000001000000:E93F 01 00000000:00000000 02:000AFC07 00000000     0        0 15649161 2 0000000067ab28da 20 0 0 10 -1
`;
const fileOf = (text: string) =>
  Buffer.from(text.replace('\n', '').replace(/[^\n]+/g, (line) => line.padEnd(149)));
const HEADING = 'sl\n';
const LINE = TCP.split('\n')[3]!;

interface Reading {
  readonly sockets: readonly TcpSocket[];
  readonly malformed: number;
}

function read(v6: boolean, ...chunks: readonly Uint8Array[]): Reading {
  const reader = new TcpSocketReader(v6);
  const sockets: TcpSocket[] = [];
  for (const chunk of chunks) {
    // Memory that is overwritten afterwards, as the buffer of a file reader is.
    const bytes = Buffer.from(chunk);
    reader.push(bytes, (socket) => sockets.push({ ...socket, words: socket.words.slice() }));
    bytes.fill('7');
  }
  return { sockets, malformed: reader.end() };
}

const readText = (text: string, v6 = false) => read(v6, Buffer.from(text));

/** Address words in hex, ports, state, timer and time left. */
const row = ({ v6, words, localPort, remotePort, state, timer, timerHundredths }: TcpSocket) => {
  const hex = (from: number) =>
    [...words.subarray(from, from + 4)].map((word) => word.toString(16)).join(' ');
  const family = v6 ? 'v6' : 'v4';
  return [family, hex(0), localPort, hex(4), remotePort, state, timer, timerHundredths].join(', ');
};

test('a recorded file of IPv4 sockets, with every kind of timer', () => {
  const { sockets, malformed } = read(false, fileOf(TCP));
  assert.deepEqual(sockets.map(row), [
    'v4, 0 0 0 0, 8080, 0 0 0 0, 0, 10, 0, 0',
    'v4, 7f000001 0 0 0, 44397, 7f000001 0 0 0, 60536, 1, 0, 0',
    'v4, 7f000001 0 0 0, 46748, 7f000001 0 0 0, 51369, 1, 4, 32',
    'v4, c0000202 0 0 0, 60948, c0000209 0 0 0, 6379, 2, 1, 81',
    'v4, 7f000001 0 0 0, 57722, 7f000001 0 0 0, 46923, 6, 3, 5880',
    'v4, 7f000001 0 0 0, 60536, 7f000001 0 0 0, 44397, 1, 2, 5880',
  ]);
  assert.equal(malformed, 0);
});

test('a recorded file of IPv6 sockets: IPv4-mapped ones are IPv4', () => {
  const { sockets, malformed } = read(true, fileOf(TCP6));
  assert.deepEqual(sockets.map(row), [
    'v4, 7f000001 0 0 0, 40836, 7f000001 0 0 0, 43591, 1, 0, 0',
    'v6, 20010db8 0 0 1, 38924, 20010db8 0 0 1, 59711, 1, 2, 719879',
  ]);
  assert.equal(malformed, 0);
});

test('an IPv6 socket with one mapped address stays IPv6', () => {
  const mapped = '0000000000000000FFFF00000100007F';
  const rest = '01 00000000:00000000 00:00000000 00000000';
  const { sockets } = readText(
    `${HEADING}0: ${mapped}:0001 B80D0120000000000000000001000000:0002 ${rest}\n`,
    true,
  );
  assert.deepEqual(sockets.map(row), ['v6, 0 0 ffff 7f000001, 1, 20010db8 0 0 1, 2, 1, 0, 0']);
});

test('cut in two at any byte, or into chunks of any size, a file reads the same', () => {
  for (const [v6, text] of [
    [false, TCP],
    [true, TCP6],
  ] as const) {
    const file = fileOf(text);
    const whole = read(v6, file);
    for (let at = 0; at <= file.length; at++) {
      assert.deepEqual(read(v6, file.subarray(0, at), file.subarray(at)), whole, `cut at ${at}`);
    }
    for (let size = 1; size <= 200; size++) assert.deepEqual(read(v6, ...chunksOf(file, size)), whole);
  }
});

function chunksOf(file: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(file.length / size) }, (_, i) =>
    file.subarray(i * size, (i + 1) * size),
  );
}

test('a timer of 64 bits; one that no timer can have is an overdue one', () => {
  const hundredths = (digits: string) =>
    readText(`${HEADING}${LINE.replace(' 00:00000000 ', ` 02:${digits} `)}\n`).sockets[0]?.timerHundredths;
  assert.equal(hundredths('7FFFFFFF'), 0x7fffffff);
  assert.equal(hundredths('80000000'), 0);
  assert.equal(hundredths('FFFFFFFFFFFFFFF6'), 0);
  assert.equal(hundredths('1999999999999999'), 0, 'minus one jiffy of 1/1000 s');
  assert.equal(hundredths('FFFFFFFFFFFFFFFF0'), undefined, 'malformed');
  assert.equal(hundredths(''), undefined, 'malformed');
});

test('a line that does not parse is counted, and the next one read', () => {
  for (const bad of [
    '',
    'nonsense',
    LINE.slice(0, 60),
    LINE.replace('0100007F:AD6D', '0100007F:AD6'),
    LINE.replace('0100007F:AD6D', '0100007G:AD6D'),
    LINE.replace('1:', ':'),
    LINE.replace(' 01 ', ' 0101 '),
    TCP6.split('\n')[2]!,
    `${LINE}${' '.repeat(512)}`,
    'x'.repeat(100_000),
  ]) {
    const file = Buffer.from(`${HEADING}${bad}\n${LINE}\n`);
    for (const chunks of [[file], chunksOf(file, 7)]) {
      const { sockets, malformed } = read(false, ...chunks);
      assert.deepEqual([sockets.length, malformed], [1, 1], bad.slice(0, 200));
    }
  }
});

test('the longest line is as long in one piece as in several', () => {
  for (let length = 505; length < 520; length++) {
    const file = Buffer.from(`${HEADING}${LINE.padEnd(length)}\n${LINE}\n`);
    const count = length <= 512 ? 2 : 1;
    assert.equal(read(false, file).sockets.length, count, `${length} bytes`);
    for (const size of [1, 100, 512, 514]) {
      assert.equal(read(false, ...chunksOf(file, size)).sockets.length, count, `${length} bytes, by ${size}`);
    }
  }
});

test('a file that ends within a line; the reader is used again', () => {
  const reader = new TcpSocketReader(false);
  const ports: number[] = [];
  const push = (text: string) => reader.push(Buffer.from(text), ({ localPort }) => ports.push(localPort));
  push(`${HEADING}${LINE}\n${LINE.slice(0, 120)}`);
  assert.equal(reader.end(), 1);
  assert.equal(reader.end(), 0, 'an empty file');
  push(`${HEADING}${LINE}\n`);
  assert.equal(reader.end(), 0);
  assert.deepEqual(ports, [0xad6d, 0xad6d]);
});

test('the object and its words are used again: no garbage for each socket', () => {
  const seen = new Set<unknown>();
  new TcpSocketReader(false).push(fileOf(TCP), (socket) => seen.add(socket).add(socket.words));
  assert.equal(seen.size, 2);
});

test('5,000 mutated files: never an exception, the same however they are cut, every line accounted for', () => {
  let [parsed, counted] = [0, 0];
  const mutated = fc.record({
    v6: fc.boolean(),
    writes: fc.array(fc.tuple(fc.nat(2000), fc.oneof(fc.nat(255), fc.constantFrom(10, 32, 48, 58))), {
      maxLength: 12,
    }),
    size: fc.integer({ min: 1, max: 700 }),
  });
  fc.assert(
    fc.property(mutated, ({ v6, writes, size }) => {
      const file = fileOf(v6 ? TCP6 : TCP);
      for (const [at, value] of writes) file[at % file.length] = value;
      const whole = read(v6, file);
      assert.deepEqual(read(v6, ...chunksOf(file, size)), whole);
      const lines = file.toString('latin1').split('\n');
      const unfinished = lines.pop() === '' ? 0 : 1;
      assert.equal(whole.sockets.length + whole.malformed, lines.length - 1 + unfinished);
      parsed += whole.sockets.length;
      counted += whole.malformed;
    }),
    { numRuns: 5_000 },
  );
  assert.ok(parsed > 3000 && counted > 3000, `${parsed} parsed, ${counted} malformed`);
});
