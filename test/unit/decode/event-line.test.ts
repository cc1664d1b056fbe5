import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createEventLine, readEventLine } from '../../../src/decode/event-line.ts';
import { eventOfLine, isLineTranslated } from '../../../src/decode/line-event.ts';
import { type FlowEvent, PORT_ID_NOT_TOLD } from '../../../src/model/flow-event.ts';

/** Reads a line as it stands in the middle of other bytes. */
function read(text: string) {
  const line = createEventLine();
  const bytes = Buffer.from(`before\n${text}\nafter`);
  const from = 'before\n'.length;
  const kind = readEventLine(line, bytes, from, from + Buffer.byteLength(text));
  const isTcp = kind === 'event' && line.protocol === 6;
  return { kind, line, bytes, event: isTcp ? eventOfLine(line, bytes) : undefined };
}

const TUPLES = 'src=10.1.0.7 dst=10.96.0.10 sport=40001 dport=6379';
const REPLY = 'src=10.2.0.1 dst=10.1.0.7 sport=8080 dport=40001';

const PICKUP: FlowEvent = {
  type: 'new',
  atMs: 1_795_415_078_143.785,
  protocol: 6,
  zone: 0,
  original: { src: '10.1.0.7', sport: 40001, dst: '10.96.0.10', dport: 6379 },
  reply: { src: '10.2.0.1', sport: 8080, dst: '10.1.0.7', dport: 40001 },
  tcpState: 'ESTABLISHED',
  seenReply: false,
  assured: false,
  dstNat: undefined,
  status: undefined,
  timeoutSeconds: 300,
  id: 7,
  portId: 0,
};
const NO_TIME = { atMs: Number.NaN };
const OPEN: Partial<FlowEvent> = { type: 'destroy', seenReply: true, assured: true };

/** Every form of a line about TCP, and in what its event differs from PICKUP. */
const FORMS: readonly (readonly [what: string, line: string, change: Partial<FlowEvent>])[] = [
  [
    '-o timestamp,id',
    `[1795415078.143785]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`,
    {},
  ],
  ['-o id', `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`, NO_TIME],
  [
    'no options',
    `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY}`,
    { ...NO_TIME, id: undefined },
  ],
  [
    '-o extended',
    `    [NEW] ipv4     2 tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`,
    NO_TIME,
  ],
  [
    'IPv6, extended, not in the shortest form',
    `    [NEW] ipv6     10 tcp      6 300 ESTABLISHED src=fd00:0:0::7 dst=FD00::10 sport=40001 dport=6379 [UNREPLIED] src=fd00::1 dst=::ffff:1.2.3.4 sport=8080 dport=40001 id=7`,
    {
      ...NO_TIME,
      original: { src: 'fd00::7', sport: 40001, dst: 'fd00::10', dport: 6379 },
      reply: { src: 'fd00::1', sport: 8080, dst: '::ffff:1.2.3.4', dport: 40001 },
    },
  ],
  [
    'expired: a state, no timeout',
    `[1795415078.143785]\t[DESTROY] tcp      6 CLOSE_WAIT ${TUPLES} ${REPLY} [ASSURED] id=7`,
    { ...OPEN, tcpState: 'CLOSE_WAIT', timeoutSeconds: undefined },
  ],
  [
    'Linux 5.10: neither state nor timeout',
    `[1795415078.143785]\t[DESTROY] tcp      6 ${TUPLES} ${REPLY} [ASSURED] id=7`,
    { ...OPEN, tcpState: undefined, timeoutSeconds: undefined },
  ],
  [
    'an update without a state',
    `[1795415078.143785]\t [UPDATE] tcp      6 432000 ${TUPLES} ${REPLY} [ASSURED] id=7`,
    { type: 'update', seenReply: true, assured: true, tcpState: undefined, timeoutSeconds: 432_000 },
  ],
  [
    'deleted by a program with a name',
    `[1795415078.143785]\t[DESTROY] tcp      6 86399 ESTABLISHED ${TUPLES} ${REPLY} [ASSURED] id=7 [USERSPACE] portid=2298 progname=conntrack`,
    { ...OPEN, timeoutSeconds: 86_399, portId: 2298 },
  ],
  [
    'a program whose name looks like a line',
    `[1795415078.143785]\t[DESTROY] tcp      6 86399 ESTABLISHED ${TUPLES} ${REPLY} [ASSURED] id=7 [USERSPACE] portid=4294963199 progname=x src=9.9.9.9 dst=9.9.9.9 [UNREPLIED] id=1`,
    { ...OPEN, timeoutSeconds: 86_399, portId: 4_294_963_199 },
  ],
  [
    'a program, by a version that does not print its port id',
    `[1795415078.143785]\t[DESTROY] tcp      6 86399 ESTABLISHED ${TUPLES} ${REPLY} [ASSURED] id=7 [USERSPACE]`,
    { ...OPEN, timeoutSeconds: 86_399, portId: PORT_ID_NOT_TOLD },
  ],
  [
    'counters, mark, zone, ktimestamp, helper, use and labels',
    `[1795415078.143785]\t[DESTROY] tcp      6 86399 ESTABLISHED ${TUPLES} packets=5 bytes=300 ${REPLY} packets=4 bytes=250 [ASSURED] mark=1 secmark=2 secctx=system_u:object_r:unlabeled_t:s0 zone=9 delta-time=12 [start=Mon Nov 23 06:36:24 2026] [stop=Mon Nov  2 06:36:36 2026] helper=ftp use=1 id=7 labels=a,b`,
    { ...OPEN, timeoutSeconds: 86_399, zone: 9 },
  ],
  [
    'a zone for each direction: that of the original one',
    `[1795415078.143785]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} zone-orig=4 [UNREPLIED] ${REPLY} zone-reply=5 id=7`,
    { zone: 4 },
  ],
  [
    'a zone for one direction, the other',
    `[1795415078.143785]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} zone-reply=5 id=7`,
    {},
  ],
  ...['OFFLOAD', 'HW_OFFLOAD'].map(
    (word) =>
      [
        word,
        `[1795415078.143785]\t[DESTROY] tcp      6 86399 ESTABLISHED ${TUPLES} ${REPLY} [${word}] id=7`,
        { ...OPEN, timeoutSeconds: 86_399 },
      ] as const,
  ),
  [
    'a state of a newer kernel',
    `    [NEW] tcp      6 300 LISTEN ${TUPLES} ${REPLY} id=7`,
    { ...NO_TIME, tcpState: undefined, seenReply: true },
  ],
  [
    'CRLF',
    `[1795415078.143785]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7\r`,
    {},
  ],
  [
    'spaces for the tab',
    `[1795415078.143785]     [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`,
    {},
  ],
  [
    'microseconds padded by old versions',
    `[1795415078.785   ]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`,
    { atMs: 1_795_415_078_000.785 },
  ],
  [
    'nanoseconds',
    `[1795415078.143785001]\t    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY} id=7`,
    { atMs: 1_795_415_078_143.785 },
  ],
];

for (const [what, line, change] of FORMS) {
  test(`a line is read: ${what}`, () => {
    const { kind, event } = read(line);
    assert.equal(kind, 'event');
    assert.ok(event);
    const expected = { ...PICKUP, ...change };
    // Of a double that counts milliseconds since 1970, microseconds are the last digits.
    if (!Number.isNaN(expected.atMs))
      assert.ok(Math.abs(event.atMs - expected.atMs) < 0.001, `${event.atMs}`);
    assert.deepEqual({ ...event, atMs: 0 }, { ...expected, atMs: 0 });
    assert.equal(Number.isNaN(event.atMs), Number.isNaN(expected.atMs));
  });
}

for (const line of [
  '[1795415078.143785]\t    [NEW] udp      17 30 src=10.1.0.7 dst=10.96.0.10 sport=5353 dport=53 [UNREPLIED] src=10.2.0.1 dst=10.1.0.7 sport=53 dport=5353 id=7',
  '    [NEW] ipv4     2 icmp     1 30 src=10.1.0.7 dst=10.2.0.1 type=8 code=0 id=5 [UNREPLIED] src=10.2.0.1 dst=10.1.0.7 type=0 code=0 id=5',
  ' [UPDATE] icmpv6   58 30 src=::1 dst=::1 type=128 code=0 id=5 src=::1 dst=::1 type=129 code=0 id=5',
  '[DESTROY] sctp     132 src=10.1.0.7 dst=10.2.0.1 sport=1 dport=2 src=10.2.0.1 dst=10.1.0.7 sport=2 dport=1',
  '    [NEW] gre      47 30 src=10.1.0.7 dst=10.2.0.1 srckey=0x0 dstkey=0x1 src=10.2.0.1 dst=10.1.0.7 srckey=0x1 dstkey=0x0',
  '    [NEW] unknown  2 600 src=10.1.0.7 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.1.0.7',
]) {
  test(`an event of another protocol: ${line.slice(0, 40)}`, () => {
    const { kind, line: numbers } = read(line);
    assert.equal(kind, 'event');
    assert.notEqual(numbers.protocol, 6);
  });
}

for (const line of [
  '',
  '--- client',
  '### iptables on 5.10.0-46-amd64',
  '1795417006.145 connected 46592',
  'conntrack v1.4.7 (conntrack-tools): 33 flow events have been shown.',
  `tcp      6 431998 ESTABLISHED ${TUPLES} ${REPLY} [ASSURED] mark=0 use=1 id=277659345`,
  '[1795417006.145785]\t300 proto=6 src=10.1.0.7 dst=10.96.0.10 sport=0 dport=21 mask-src=255.255.255.255',
  '[ASSURED]',
  '[NEW',
  '[1795417006',
  '[1795417006.145785',
  '[99999999999.145785]\t    [NEW] tcp      6 300',
  '[-1.5] [NEW]',
]) {
  test(`no event: ${line.slice(0, 60)}`, () => assert.equal(read(line).kind, 'other'));
}

for (const [what, line] of [
  ['nothing after the type', '    [NEW]'],
  ['no protocol number', '    [NEW] tcp'],
  ['a protocol that is none', `    [NEW] tcp      256 300 ESTABLISHED ${TUPLES} ${REPLY}`],
  ['one tuple', `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES}`],
  ['three tuples', `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} ${REPLY} ${REPLY}`],
  ['cut in an address', `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} src=10.2.0.1 dst=10.`],
  ['no port', `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} src=10.2.0.1 dst=10.1.0.7 sport=8080 dport=`],
  [
    'a port that is none',
    `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} ${REPLY}6`.replace('dport=400016', 'dport=65536'),
  ],
] as const) {
  test(`not readable: ${what}`, () => assert.equal(read(line).kind, 'unreadable'));
}

test('an address that is none makes no event', () => {
  for (const address of ['10.1.0.256', '10.1.0', '10.1.0.7.1', '1...2', 'fd00:::1', 'localhost', '']) {
    const line = `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES.replace('10.1.0.7', address)} ${REPLY}`;
    assert.equal(read(line).event, undefined, address);
  }
});

test('a translated destination is told from the bytes as from the tuples', () => {
  const address = fc.constantFrom('10.1.0.7', '10.1.0.70', '10.96.0.10', 'fd00::1', 'fd00::10');
  const port = fc.constantFrom(80, 8080, 40001);
  const tuple = fc.record({ src: address, dst: address, sport: port, dport: port });
  const text = ({ src, dst, sport, dport }: FlowEvent['original']) =>
    `src=${src} dst=${dst} sport=${sport} dport=${dport}`;
  fc.assert(
    fc.property(tuple, tuple, (original, reply) => {
      const { line, bytes, event } = read(
        `[NEW] tcp      6 300 ESTABLISHED ${text(original)} ${text(reply)}`,
      );
      assert.deepEqual([event?.original, event?.reply], [{ ...original }, { ...reply }]);
      const isTranslated = reply.src !== original.dst || reply.sport !== original.dport;
      assert.equal(isLineTranslated(line, bytes), isTranslated);
    }),
  );
});

test('never throws, whatever the bytes, and reads nothing outside of the line', () => {
  const pieces = fc.constantFrom(
    ...[
      '[NEW]',
      ' [UPDATE]',
      '[DESTROY]',
      'tcp',
      'ipv4 2',
      ' 6 ',
      '300',
      'ESTABLISHED',
      TUPLES,
      REPLY,
      'src=',
    ],
    ...[
      '[USERSPACE] portid=',
      '[start=',
      '[',
      ']',
      'zone=',
      'id=',
      ' ',
      '\t',
      '[1795415078.14',
      '\0',
      'é',
      '4294967296',
    ],
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
      const bytes = Buffer.from(parts.join(' '));
      const line = createEventLine();
      const around = Buffer.concat([Buffer.from('5 '), bytes, Buffer.from('6 src=1.1.1.1')]);
      const kind = readEventLine(line, around, 2, 2 + bytes.length);
      const alone = createEventLine();
      assert.equal(readEventLine(alone, bytes, 0, bytes.length), kind);
      if (kind !== 'event' || line.protocol !== 6) return;
      assert.deepEqual(eventOfLine(line, around), eventOfLine(alone, bytes));
    }),
    { numRuns: 2000 },
  );
});
