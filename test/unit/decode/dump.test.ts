import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeDatagram } from '../../../src/decode/datagram.ts';
import { DumpReader } from '../../../src/decode/dump.ts';
import { wordsText } from '../../../src/lib/ip-text.ts';
import { type FlowEvent, TCP_STATES } from '../../../src/model/flow-event.ts';
import type { FlowRow } from '../../../src/model/flow-row.ts';
import { readCaptures } from '../../support/captured-bytes.ts';
import {
  attr,
  doneMessage,
  dumpMessage,
  type EntrySpec,
  errorMessage,
  nest,
  netlinkMessage,
} from '../../support/packets.ts';

const SEQUENCE = 77;
const DUMP_INTERRUPTED = 0x10;

type DumpSpec = Omit<EntrySpec, 'type'>;

/** What a snapshot needs of an entry. */
const asSeen = ({ words, v6, ...row }: FlowRow) => {
  const text = (which: number) => wordsText(words, which * 4, v6);
  return {
    original: { src: text(0), sport: row.sport, dst: text(1), dport: row.dport },
    reply: { src: text(2), sport: row.replySport, dst: text(3), dport: row.replyDport },
    zone: row.zone,
    status: row.status,
    tcpState: TCP_STATES[row.tcpState],
    timeoutSeconds: row.timeoutSeconds,
  };
};
type Seen = ReturnType<typeof asSeen>;

const asEvent = ({ original, reply, zone, status, tcpState, timeoutSeconds }: FlowEvent): Seen => ({
  ...{ original, reply, zone },
  status: status!,
  tcpState: tcpState ?? 'NONE',
  timeoutSeconds: timeoutSeconds ?? 0,
});

/** Reads datagrams; each in memory that is overwritten afterwards, as a receive buffer is. */
function read(...datagrams: readonly Buffer[]) {
  const rows: Seen[] = [];
  const malformed: string[] = [];
  const reader = new DumpReader(SEQUENCE, {
    onRow: (row) => rows.push(asSeen(row)),
    onMalformed: (reason) => malformed.push(reason),
  });
  for (const datagram of datagrams) {
    const memory = Buffer.alloc(datagram.length + 8, 0xff);
    datagram.copy(memory, 4);
    reader.read(memory.subarray(4, 4 + datagram.length));
    memory.fill(0xff);
  }
  const { end, errno, interrupted } = reader;
  return { rows, malformed, end, errno, interrupted };
}

const entry: DumpSpec = {
  original: ['10.0.0.1', 40000, '10.96.0.1', 80],
  reply: ['10.0.1.1', 8080, '10.0.0.1', 40000],
  status: 0x1ae,
  timeout: 86_400,
  state: 3,
  id: 0x89abcdef,
};
const seen: Seen = {
  original: { src: '10.0.0.1', sport: 40000, dst: '10.96.0.1', dport: 80 },
  reply: { src: '10.0.1.1', sport: 8080, dst: '10.0.0.1', dport: 40000 },
  zone: 0,
  status: 0x1ae,
  tcpState: 'ESTABLISHED',
  timeoutSeconds: 86_400,
};
const message = (change: Partial<DumpSpec> = {}, flags = 0, sequence = SEQUENCE) =>
  dumpMessage({ ...entry, ...change }, sequence, flags);
const done = doneMessage(SEQUENCE);
const withPort = (sport: number) => message({ original: ['10.0.0.1', sport, '10.96.0.1', 80] });
const ports = (rows: readonly Seen[]) => rows.map(({ original }) => original.sport);

test('an entry, field by field', () => {
  const expected = { malformed: [], end: undefined, errno: 0, interrupted: false };
  assert.deepEqual(read(message()), { rows: [seen], ...expected });
  const reply = ['2001:db8:2::1', 8080, '2001:db8:9::9', 14992] as const;
  const six = message({ original: ['2001:db8::1', 40000, 'fd00:1::a', 80], reply, zone: 7, state: 5 });
  assert.deepEqual(read(six).rows, [
    {
      original: { src: '2001:db8::1', sport: 40000, dst: 'fd00:1::a', dport: 80 },
      reply: { src: '2001:db8:2::1', sport: 8080, dst: '2001:db8:9::9', dport: 14992 },
      zone: 7,
      status: 0x1ae,
      tcpState: 'CLOSE_WAIT',
      timeoutSeconds: 86_400,
    },
  ]);
});

const word = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16));
const ip4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));
const ip6 = fc.tuple(word, word, word, word).map(([a, b, c, d]) => `${a}:${b}::${c}:${d}`);
const port = fc.nat(0xffff);
const u16 = fc.option(fc.nat(0xffff), { nil: undefined });
const u32 = fc.option(fc.nat(0xffffffff), { nil: undefined });
const specOf = (ip: fc.Arbitrary<string>): fc.Arbitrary<DumpSpec> =>
  fc
    .record({
      ends: fc.tuple(ip, port, ip, port),
      backend: fc.tuple(ip, port),
      masquerade: fc.option(fc.tuple(ip, port)),
      zone: u16,
      tupleZone: u16,
      replyZone: u16,
      status: u32,
      timeout: u32,
      state: fc.option(fc.nat(10), { nil: undefined }),
      id: u32,
      protocol: fc.constantFrom(6, 6, 6, 6, 17),
      unknown: fc.option(fc.uint8Array({ maxLength: 9 })),
    })
    .map(
      ({
        ends,
        backend,
        masquerade,
        unknown,
        zone,
        tupleZone,
        replyZone,
        status,
        timeout,
        state,
        id,
        protocol,
      }) => ({
        original: ends,
        reply: [...backend, ...(masquerade ?? [ends[0], ends[1]])] as const,
        protocol,
        // The kernel sends one of these two. A zone of the reply direction only is not the flow's.
        ...(zone !== undefined ? { zone } : tupleZone !== undefined && { tupleZone }),
        ...(replyZone !== undefined && { replyZone }),
        ...(status !== undefined && { status }),
        ...(timeout !== undefined && { timeout }),
        ...(state !== undefined && { state }),
        ...(id !== undefined && { id }),
        ...(unknown && { extra: attr(60, Buffer.from(unknown)) }),
      }),
    );

test('rows are what decodeDatagram makes of the same bytes, one after another, in any datagrams', () => {
  const counts = { row: 0, udp: 0, malformed: 0 };
  fc.assert(
    fc.property(
      fc.array(fc.oneof(specOf(ip4), specOf(ip6)), { maxLength: 12 }),
      fc.integer({ min: 1, max: 12 }),
      (specs, each) => {
        const messages = specs.map((spec) => dumpMessage(spec, SEQUENCE));
        const datagrams: Buffer[] = [];
        for (let i = 0; i < messages.length; i += each)
          datagrams.push(Buffer.concat(messages.slice(i, i + each)));
        const decoded = datagrams.flatMap((bytes) => decodeDatagram({ bytes, receivedAtMs: 0 }));
        const events = decoded.flatMap((each) => (each.kind === 'flow' ? [each.event] : []));
        const expected = events.filter(({ protocol }) => protocol === 6).map(asEvent);
        const result = read(...datagrams);
        assert.deepEqual(result.rows, expected);
        // An entry that is not TCP is not read to its end.
        const unreadable = specs.filter(({ state, protocol }) => state === 10 && protocol === 6);
        assert.deepEqual(
          result.malformed,
          unreadable.map(() => 'unknown_tcp_state'),
        );
        counts.row += expected.length;
        counts.udp += specs.filter(({ protocol }) => protocol === 17).length;
        counts.malformed += unreadable.length;
      },
    ),
    { numRuns: 400 },
  );
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 40, `${what}: ${count}`);
});

test('recorded entries of Linux 5.10 to 6.18 read the same as well', () => {
  let count = 0;
  for (const kernel of ['5.10', '6.1', '6.18', '6.18-variants']) {
    for (const bytes of readCaptures(`linux-${kernel}.hex`).flatMap(({ datagrams }) => datagrams)) {
      const [decoded] = decodeDatagram({ bytes, receivedAtMs: 0 });
      if (decoded?.kind !== 'flow' || decoded.event.type === 'destroy') continue;
      const copy = Buffer.from(bytes);
      copy.writeUInt32LE(SEQUENCE, 8);
      assert.deepEqual(read(copy).rows, [asEvent(decoded.event)]);
      count++;
    }
  }
  assert.ok(count > 50, `${count}`);
});

test('nothing of an entry is left for the next', () => {
  const first = message({ zone: 7 });
  const bare = dumpMessage({ original: entry.original, reply: entry.reply }, SEQUENCE);
  const { rows } = read(Buffer.concat([first, bare]));
  assert.deepEqual(rows[1], { ...seen, zone: 0, status: 0, tcpState: 'NONE', timeoutSeconds: 0 });
  const half = netlinkMessage(0x100, 2, Buffer.concat([Buffer.alloc(4)]), 0, SEQUENCE);
  const body = message().subarray(20);
  const reply = body.subarray(body.readUInt16LE(0));
  const ends = Buffer.concat([attr(1, Buffer.alloc(4, 1)), attr(2, Buffer.alloc(4, 2))]);
  const noProtocol = netlinkMessage(
    0x100,
    2,
    Buffer.concat([Buffer.alloc(4), nest(1, nest(1, ends)), reply]),
    0,
    SEQUENCE,
  );
  for (const bytes of [half, noProtocol]) {
    const result = read(Buffer.concat([first, bytes]));
    assert.deepEqual([result.rows.length, result.malformed], [1, ['missing_tuple']]);
  }
});

test('UDP is passed over', () => {
  const result = read(Buffer.concat([message({ protocol: 17 }), withPort(2), message({ protocol: 132 })]));
  assert.deepEqual([ports(result.rows), result.malformed, result.interrupted], [[2], [], false]);
});

test('entries of datagram after datagram, until the dump is done', () => {
  const result = read(
    Buffer.concat([withPort(1), withPort(2)]),
    withPort(3),
    Buffer.concat([withPort(4), done]),
  );
  assert.deepEqual([ports(result.rows), result.end, result.interrupted], [[1, 2, 3, 4], 'done', false]);
  assert.equal(read(withPort(1)).end, undefined);
});

test('what comes after the end is not of the dump', () => {
  const result = read(Buffer.concat([withPort(1), done, withPort(2)]), withPort(3));
  assert.deepEqual(ports(result.rows), [1]);
});

test('the end of a dump, in order or with an errno', () => {
  for (const [last, end, errno] of [
    [done, 'done', 0],
    [doneMessage(SEQUENCE, 24), 'done', 0],
    [doneMessage(SEQUENCE, -105), 'failed', 105],
    [errorMessage(SEQUENCE, -1), 'failed', 1],
    [errorMessage(SEQUENCE, 0), 'done', 0],
    [netlinkMessage(3, 2, Buffer.alloc(0), 0, SEQUENCE), 'done', 0],
  ] as const) {
    const result = read(Buffer.concat([withPort(1), last]));
    assert.deepEqual([result.end, result.errno, result.rows.length], [end, errno, 1]);
  }
});

test('messages of another request are not of this dump', () => {
  const others = [
    message({}, DUMP_INTERRUPTED, SEQUENCE + 1),
    doneMessage(SEQUENCE - 1, -5),
    errorMessage(0, -1),
  ];
  const result = read(Buffer.concat([...others, withPort(2)]));
  assert.deepEqual(result, {
    rows: [{ ...seen, original: { ...seen.original, sport: 2 } }],
    malformed: [],
    end: undefined,
    errno: 0,
    interrupted: false,
  });
});

test('messages of other types are passed over', () => {
  const body = message().subarray(16);
  const others = [0x101, 0x102, 0x104, 0x200, 0x0, 1].map((type) =>
    netlinkMessage(type, 2, Buffer.from(body), 0, SEQUENCE),
  );
  const result = read(Buffer.concat([...others, withPort(2)]));
  assert.deepEqual([ports(result.rows), result.malformed], [[2], []]);
});

test('the kernel says that the dump was interrupted: on an entry, or with its end', () => {
  const early = read(Buffer.concat([message({}, DUMP_INTERRUPTED), withPort(2)]), done);
  assert.deepEqual([early.interrupted, early.rows.length, early.end], [true, 2, 'done']);
  const late = read(message(), doneMessage(SEQUENCE, 0, DUMP_INTERRUPTED));
  assert.deepEqual([late.interrupted, late.rows.length, late.end], [true, 1, 'done']);
});

test('a datagram cut anywhere: its whole entries are read, and what is missing is told', () => {
  const whole = Buffer.concat([withPort(1), withPort(2)]);
  const one = withPort(1).length;
  for (let length = 0; length <= whole.length; length++) {
    const result = read(whole.subarray(0, length), Buffer.concat([withPort(3), done]));
    const isWhole = length % one === 0;
    assert.deepEqual(ports(result.rows), [...[1, 2].slice(0, Math.floor(length / one)), 3], `${length}`);
    assert.deepEqual(result.malformed, isWhole ? [] : ['truncated_datagram'], `${length}`);
    assert.deepEqual([result.interrupted, result.end], [!isWhole, 'done'], `${length}`);
  }
});

test('a message length that cannot be: the rest of the datagram is given up, and told', () => {
  for (const [length, reason] of [
    [0, 'bad_message_length'],
    [15, 'bad_message_length'],
    [10_000, 'truncated_datagram'],
    [0xffffffff, 'truncated_datagram'],
  ] as const) {
    const bad = Buffer.from(withPort(2));
    bad.writeUInt32LE(length, 0);
    const result = read(Buffer.concat([withPort(1), bad, withPort(3)]), withPort(4));
    assert.deepEqual([ports(result.rows), result.malformed, result.interrupted], [[1, 4], [reason], true]);
  }
});

test('an entry that cannot be read does not take the next one with it', () => {
  const body = (...parts: Buffer[]) => Buffer.concat([Buffer.alloc(4), ...parts]);
  const good = message().subarray(20);
  for (const [reason, bytes] of [
    ['short_payload', Buffer.alloc(3)],
    ['missing_tuple', body()],
    ['missing_tuple', body(nest(1, Buffer.alloc(0)))],
    ['bad_value_size', body(good, attr(3, Buffer.alloc(2)))],
    ['bad_value_size', body(good, attr(7, Buffer.alloc(8)))],
    ['bad_attribute_length', body(good, Buffer.alloc(4))],
    ['bad_attribute_length', body(good, Buffer.from([200, 0, 60, 0]))],
    ['unknown_tcp_state', body(good, nest(4, nest(1, attr(1, Buffer.from([10])))))],
  ] as const) {
    const bad = netlinkMessage(0x100, 2, bytes, 0, SEQUENCE);
    const padding = Buffer.alloc((4 - (bad.length % 4)) % 4);
    const result = read(Buffer.concat([withPort(1), bad, padding, withPort(3)]), done);
    assert.deepEqual([ports(result.rows), result.malformed, result.end], [[1, 3], [reason], 'done']);
  }
});

test('one entry that could not be read does not make the whole dump useless', () => {
  const bad = netlinkMessage(
    0x100,
    2,
    Buffer.concat([message().subarray(16), attr(3, Buffer.alloc(2))]),
    0,
    SEQUENCE,
  );
  assert.equal(read(Buffer.concat([withPort(1), bad, done])).interrupted, false);
});
