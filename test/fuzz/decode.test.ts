import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addCpuStats } from '../../src/decode/cpu-stats.ts';
import { decodeDatagram, type Message } from '../../src/decode/datagram.ts';
import { DumpReader } from '../../src/decode/dump.ts';
import { readEntryAnswer } from '../../src/decode/entry-answer.ts';
import { readCaptures } from '../support/captured-bytes.ts';
import { attributesOf } from '../support/netlink-messages.ts';
import { attr, cpuStatsMessage, doneMessage, dumpMessage, errorMessage } from '../support/packets.ts';

const SEEDS = ['5.10', '6.1', '6.18', '6.18-variants'].flatMap((kernel) =>
  readCaptures(`linux-${kernel}.hex`).flatMap(({ datagrams }) => datagrams),
);
const RUNS = 120_000;

/** One of these datagrams with some bytes overwritten, some cut off, some put in. */
const mutatedOf = (seeds: readonly Uint8Array[], reach = 400) =>
  fc
    .record({
      seed: fc.nat(seeds.length - 1),
      writes: fc.array(fc.tuple(fc.nat(reach), fc.nat(255)), { maxLength: 8 }),
      cut: fc.option(fc.nat(reach), { freq: 4 }),
      insert: fc.option(fc.tuple(fc.nat(reach / 2), fc.uint8Array({ maxLength: 12 })), { freq: 4 }),
    })
    .map(({ seed, writes, cut, insert }) => {
      let bytes = Buffer.from(seeds[seed]!);
      for (const [at, value] of writes) bytes[at % bytes.length] = value;
      if (insert) bytes = Buffer.concat([bytes.subarray(0, insert[0]), insert[1], bytes.subarray(insert[0])]);
      return cut === null ? bytes : bytes.subarray(0, cut);
    });
const mutated = mutatedOf(SEEDS);

/** The same bytes twice, with different bytes around them: a read past their end would show. */
function twice(bytes: Buffer): Buffer[] {
  return [0x00, 0xff].map((filler) => {
    const memory = Buffer.alloc(bytes.length + 64, filler);
    memory.set(bytes, 32);
    return memory.subarray(32, 32 + bytes.length);
  });
}

test(`${RUNS} mutated messages: never an exception, never a byte beyond the end`, () => {
  const kinds = new Map<string, number>();
  fc.assert(
    fc.property(mutated, (bytes) => {
      const messages = twice(bytes).map((each) => decodeDatagram({ bytes: each, receivedAtMs: 1 }));
      assert.deepEqual(messages[0], messages[1]);
      for (const message of messages[0]!) kinds.set(nameOf(message), (kinds.get(nameOf(message)) ?? 0) + 1);
    }),
    { numRuns: RUNS },
  );
  // The mutations must reach both outcomes, or the test shows nothing.
  for (const kind of [
    'flow',
    'bad_attribute_length',
    'truncated_datagram',
    'bad_value_size',
    'missing_tuple',
  ]) {
    assert.ok((kinds.get(kind) ?? 0) > 100, `${kind}: ${kinds.get(kind)} of ${JSON.stringify([...kinds])}`);
  }
});

function nameOf(message: Message): string {
  return message.kind === 'malformed' ? message.reason : message.kind;
}

const SEQUENCE = 77;
const DUMP_RUNS = 15_000;
const STATS_RUNS = 10_000;

const dumpEntry = (sport: number, backend: string, more = {}) => ({
  original: ['10.0.0.1', sport, '10.96.0.1', 80] as const,
  reply: [backend, 8080, '10.0.0.1', sport] as const,
  ...{ status: 0x1ae, timeout: 86_000, state: 3, id: sport, ...more },
});
const six = {
  original: ['2001:db8::1', 1, 'fd00:1::a', 80] as const,
  reply: ['2001:db8:2::1', 8080, '2001:db8:9::9', 14992] as const,
};
const DUMPS = [
  Buffer.concat([1, 2, 3].map((sport) => dumpMessage(dumpEntry(sport, '10.0.1.1'), SEQUENCE))),
  Buffer.concat([
    dumpMessage({ ...dumpEntry(4, ''), ...six, zone: 7 }, SEQUENCE),
    dumpMessage(dumpEntry(5, '10.0.1.2', { protocol: 17 }), SEQUENCE),
    dumpMessage(dumpEntry(6, '10.0.1.2', { tupleZone: 9 }), SEQUENCE, 0x10),
  ]),
  Buffer.concat([dumpMessage(dumpEntry(7, '10.0.1.1'), SEQUENCE), doneMessage(SEQUENCE)]),
  doneMessage(SEQUENCE, -5),
  errorMessage(SEQUENCE, -1),
];

test(`${DUMP_RUNS} dumps of mutated datagrams: never an exception, an end, never a byte beyond the end`, () => {
  const kinds = new Map<string, number>();
  const count = (kind: string) => kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  fc.assert(
    fc.property(fc.array(mutatedOf(DUMPS, 700), { maxLength: 3 }), (datagrams) => {
      const told = [0, 1].map((which) => {
        const calls: string[] = [];
        const reader = new DumpReader(SEQUENCE, {
          onRow: ({ words, v6, tcpState, ...row }) => {
            assert.ok(tcpState < 10);
            const used = v6 ? [...words] : [words[0], words[4], words[8], words[12]];
            const { sport, dport, replySport, replyDport, zone, status, timeoutSeconds } = row;
            calls.push(
              [used, tcpState, sport, dport, replySport, replyDport, zone, status, timeoutSeconds].join(' '),
            );
            if (which === 0) count('row');
          },
          onMalformed: (reason) => {
            calls.push(reason);
            if (which === 0) count(reason);
          },
        });
        for (const bytes of datagrams) reader.read(twice(bytes)[which]!);
        const { end, errno, interrupted } = reader;
        assert.ok(errno >= 0 && (end === 'failed') === errno > 0);
        if (which === 0) count(`end ${end}`);
        return { calls, end, errno, interrupted };
      });
      assert.deepEqual(told[0], told[1]);
    }),
    { numRuns: DUMP_RUNS },
  );
  for (const kind of [
    ...['row', 'end done', 'end failed', 'end undefined'],
    ...[
      'bad_attribute_length',
      'truncated_datagram',
      'bad_message_length',
      'bad_value_size',
      'missing_tuple',
    ],
  ]) {
    assert.ok((kinds.get(kind) ?? 0) > 50, `${kind}: ${kinds.get(kind)} of ${JSON.stringify([...kinds])}`);
  }
});

const STATS = [
  Buffer.concat([0, 1, 2].map((cpu) => cpuStatsMessage(cpu, { 4: 1, 9: 10, 10: 100, 11: 1000, 12: 1 }))),
  Buffer.concat([cpuStatsMessage(3, { 4: 1, 10: 0xffffffff }, attr(60, Buffer.alloc(5))), doneMessage(1)]),
];

test(`${STATS_RUNS} mutated statistics: never an exception, an end, never a byte beyond the end`, () => {
  let changed = 0;
  let ended = 0;
  fc.assert(
    fc.property(mutatedOf(STATS), (bytes) => {
      const told = twice(bytes).map((each) => {
        const totals = { drop: 0, early_drop: 0, insert_failed: 0, invalid: 0 };
        return { totals, ended: addCpuStats(each, totals) };
      });
      assert.deepEqual(told[0], told[1]);
      const [first] = told;
      assert.ok(Object.values(first!.totals).every((value) => Number.isSafeInteger(value) && value >= 0));
      if (Object.values(first!.totals).some((value) => value > 0)) changed++;
      if (first!.ended) ended++;
    }),
    { numRuns: STATS_RUNS },
  );
  assert.ok(changed > 500 && ended > 500, `${changed} counted, ${ended} ended`);
});

const ANSWERS = [
  dumpMessage(dumpEntry(1, '10.0.1.1'), 1),
  dumpMessage({ ...dumpEntry(2, ''), ...six, zone: 7 }, 2),
  dumpMessage(dumpEntry(3, '10.0.1.2', { tupleZone: 9, replyZone: 8 }), 3),
  errorMessage(4, -2),
];
const ANSWER_RUNS = 20_000;
const TUPLE_REPLY = 2;
const ZONE = 18;

test(`${ANSWER_RUNS} mutated answers: never an exception, never a byte beyond the end, and no name but tuple and zone`, () => {
  const kinds = new Map<string, number>();
  fc.assert(
    fc.property(mutatedOf(ANSWERS, 250), (bytes) => {
      const told = twice(bytes).map((each) => {
        const answer = readEntryAnswer(each);
        if (answer === undefined || 'errno' in answer) return answer;
        const { row, identity, sequence } = answer;
        const { v6, words, tcpState, sport, dport, replySport, replyDport, zone, status, timeoutSeconds } =
          row;
        const used = v6 ? [...words] : [words[0], words[4], words[8], words[12]];
        const rest = [sport, dport, replySport, replyDport, zone, status, timeoutSeconds, tcpState];
        return { sequence, used, rest, family: identity.family, name: Buffer.from(identity.attributes) };
      });
      assert.deepEqual(told[0], told[1]);
      const [first] = told;
      const kind = first === undefined ? 'nothing' : 'errno' in first ? 'errno' : 'entry';
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (!first || 'errno' in first) return;
      assert.ok(first.family === 2 || first.family === 10);
      const types = attributesOf(first.name).map(({ type }) => type);
      assert.ok(types.includes(TUPLE_REPLY) && types.every((type) => type === TUPLE_REPLY || type === ZONE));
    }),
    { numRuns: ANSWER_RUNS },
  );
  for (const kind of ['nothing', 'errno', 'entry']) {
    assert.ok((kinds.get(kind) ?? 0) > 200, `${kind}: ${kinds.get(kind)}`);
  }
});
