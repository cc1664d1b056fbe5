/** What a recording has instead of a kernel that can be asked: time stamps, UPDATE events, and its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mayMatter } from '../../../src/commands/replay/may-matter.ts';
import { createEventLine, readEventLine } from '../../../src/decode/event-line.ts';
import { eventOfLine } from '../../../src/decode/line-event.ts';
import { step } from '../../../src/detect/detector.ts';
import { createDetector, DEFAULT_SETTINGS } from '../../../src/detect/detector-state.ts';
import { pickupsInShort, type ReplayOptions, replayText } from '../../support/recordings.ts';

const SERVICE = '10.96.0.10';

interface LineOptions {
  readonly port?: number;
  readonly backend?: string;
  readonly dport?: number;
  readonly tail?: string;
  readonly unreplied?: boolean;
}

/** A line of an event at `seconds` after some moment; `rest` is timeout and state. */
function line(
  seconds: number,
  type: 'NEW' | 'UPDATE' | 'DESTROY',
  rest: string,
  options: LineOptions = {},
): string {
  const { port = 40001, backend = 'A', dport = 6379, tail = '', unreplied = false } = options;
  const [source, sport] =
    backend === 'none' ? [SERVICE, dport] : [backend === 'A' ? '10.2.0.1' : '10.2.0.2', 8080];
  const original = `src=10.1.0.7 dst=${SERVICE} sport=${port} dport=${dport}`;
  const reply = `src=${source} dst=10.1.0.7 sport=${sport} dport=${port}`;
  const assured = unreplied ? '' : ' [ASSURED]';
  return `[${(1_795_000_000 + seconds).toFixed(6)}]\t${`[${type}]`.padStart(9)} tcp      6 ${rest}${original}${unreplied ? ' [UNREPLIED]' : ''} ${reply}${assured} id=7${tail}\n`;
}

const opened = (seconds: number, options: LineOptions = {}) =>
  line(seconds, 'NEW', '120 SYN_SENT ', { ...options, unreplied: true }) +
  line(seconds, 'UPDATE', '432000 ESTABLISHED ', options);
const flushed = (seconds: number, options: LineOptions = {}) =>
  line(seconds, 'DESTROY', '431999 ESTABLISHED ', {
    ...options,
    tail: ' [USERSPACE] portid=9 progname=conntrack',
  });
const picked = (seconds: number, options: LineOptions = {}) =>
  line(seconds, 'NEW', '300 ESTABLISHED ', { backend: 'B', ...options, unreplied: true });
const replied = (seconds: number, options: LineOptions = {}) =>
  line(seconds, 'UPDATE', '300 ', { backend: 'B', ...options });
const refused = (seconds: number, options: LineOptions = {}) =>
  line(seconds, 'DESTROY', '299 CLOSE ', { backend: 'B', ...options, unreplied: true });
/** Something else that happens, to let time pass. */
const other = (seconds: number) =>
  `[${(1_795_000_000 + seconds).toFixed(6)}]\t [UPDATE] udp      17 30 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1\n`;

const told = (text: string, options?: ReplayOptions) => pickupsInShort(replayText(text, options).told);
const STORY = opened(0) + flushed(10) + picked(20);

test('unanswered while the recording goes on for longer than the window: stalled, when the window is over', () => {
  const { told: all } = replayText(`${STORY}${other(21.9)}${other(25)}`);
  assert.deepEqual(pickupsInShort(all), ['40001 stalled backend_changed deleted broken']);
  const last = all.at(-1)!;
  assert.ok(last.finding.kind === 'pickup');
  assert.equal(last.line, 6, 'the line whose time decided');
  assert.ok(Math.abs(last.finding.verdictAfterMs - 2000) < 0.01);
});

test('answered within the window: survived; after it: it was stalled', () => {
  assert.deepEqual(told(`${STORY}${replied(21.9)}`), ['40001 survived backend_changed deleted']);
  assert.deepEqual(told(`${STORY}${replied(22.1)}`), ['40001 stalled backend_changed deleted broken']);
});

test('the window is what it is set to', () => {
  const text = `${STORY}${replied(21.9)}`;
  assert.deepEqual(told(text, { confirmWindowMs: 1000 }), ['40001 stalled backend_changed deleted broken']);
  assert.deepEqual(told(text, { confirmWindowMs: 3000 }), ['40001 survived backend_changed deleted']);
});

test('stalled, then reset by a later packet: one broken connection, at its first verdict', () => {
  assert.deepEqual(told(`${STORY}${other(23)}${refused(40)}`), [
    '40001 stalled backend_changed deleted broken',
  ]);
});

test('unanswered at the end: stalled; of a recording that is read no further: unknown', () => {
  const { told: all } = replayText(STORY);
  assert.deepEqual(pickupsInShort(all), ['40001 stalled backend_changed deleted broken']);
  assert.equal(all.at(-1)!.line, undefined);
  assert.deepEqual(told(STORY, { cut: true }), ['40001 unknown backend_changed deleted']);
});

test('picked up by the old backend: an answer may come late, silence is no break', () => {
  const text = opened(0) + flushed(10) + picked(20, { backend: 'A' });
  assert.deepEqual(told(`${text}${other(100)}${replied(200, { backend: 'A' })}`), [
    '40001 survived same deleted',
  ]);
  assert.deepEqual(told(`${text}${other(400)}`), ['40001 stalled same deleted']);
  assert.deepEqual(told(`${text}${other(600)}`), ['40001 stalled same deleted']);
});

test('nothing known before: silence counts as stalled at the end, and when its entry outlives one packet', () => {
  const before = opened(0, { port: 5 }) + flushed(1, { port: 5 });
  for (const end of [other(21), other(100), other(1000)]) {
    assert.deepEqual(told(`${before}${picked(20)}${end}`), ['40001 stalled unknown unseen broken']);
  }
  assert.deepEqual(told(`${before}${picked(20)}${other(100)}${replied(101)}`), [
    '40001 survived unknown unseen',
  ]);
  const ranOut = line(325, 'DESTROY', 'ESTABLISHED ', { backend: 'B', unreplied: true });
  assert.deepEqual(told(`${before}${picked(20)}${ranOut}`), ['40001 unknown unknown unseen']);
});

test('without UPDATE events silence says nothing, and a DESTROY says all', () => {
  const noUpdates = (text: string) => text.replaceAll(/^.*UPDATE.*\n/gm, '');
  const later = picked(100, { port: 6 }) + refused(100, { port: 6 });
  const closed = line(90, 'DESTROY', '119 TIME_WAIT ', { backend: 'B' });
  assert.deepEqual(told(noUpdates(`${STORY}${closed}${later}`)), [
    '40001 survived backend_changed deleted',
    '6 reset unknown unseen broken',
  ]);
  assert.deepEqual(told(noUpdates(`${STORY}${later}`)), [
    '6 reset unknown unseen broken',
    '40001 unknown backend_changed deleted',
  ]);
});

test('a recording whose first UPDATE comes late: what waits is decided then', () => {
  assert.deepEqual(told(`${flushed(10)}${picked(20)}${refused(30, { port: 9 })}${other(50)}`), [
    '40001 stalled backend_changed deleted broken',
  ]);
});

test('without DESTROY events nothing is said of what was not answered', () => {
  assert.deepEqual(told(`${opened(0)}${picked(20)}${other(50)}`), ['40001 unknown unknown unseen']);
});

test('conntrack says that it lost events: what waited for some has no verdict', () => {
  const warning = 'WARNING: We have hit ENOBUFS! We are losing events.\n';
  const { told: all, counts } = replayText(`${STORY}${warning}${other(100)}`);
  assert.deepEqual(pickupsInShort(all), ['40001 unknown backend_changed deleted']);
  assert.equal(counts.overruns, 1);
});

test('clocks that go back or jump: time only goes on', () => {
  assert.deepEqual(told(`${STORY}${other(-3600)}${other(-3599)}${replied(-3598.5)}`), [
    '40001 survived backend_changed deleted',
  ]);
  assert.deepEqual(told(`${STORY}${other(-3600)}${other(-3599)}${other(-3597)}`), [
    '40001 stalled backend_changed deleted broken',
  ]);
  const after =
    opened(20, { port: 8 }) + flushed(21, { port: 8 }) + picked(22, { port: 8 }) + refused(22, { port: 8 });
  assert.deepEqual(told(`${other(0)}${other(8e9)}${after}`), ['8 reset backend_changed deleted broken']);
});

test('an untranslated pickup counts when the recording showed that address translated, or the topology has it', () => {
  const untranslated = picked(20, { port: 9, backend: 'none' }) + refused(20, { port: 9, backend: 'none' });
  assert.deepEqual(told(opened(0) + untranslated), ['9 reset none unseen broken']);
  assert.deepEqual(told(opened(0, { dport: 80 }) + untranslated), [], 'another port is another Service');
  assert.deepEqual(told(untranslated), []);
  const isServiceAddress = (ip: string, port: number) => ip === SERVICE && port === 6379;
  assert.deepEqual(told(untranslated, { isServiceAddress }), ['9 reset none unseen broken']);
});

test('idle times follow from the timeouts that the recording shows', () => {
  const idle = (text: string) =>
    replayText(text)
      .told.map(({ finding }) => (finding.kind === 'pickup' ? finding.idleSeconds : undefined))
      .at(-1);
  const established = (seconds: number, timeout: number) =>
    line(seconds, 'UPDATE', `${timeout} ESTABLISHED `);
  const end = line(100, 'DESTROY', '86300 ESTABLISHED ') + picked(100) + refused(100);
  assert.ok(Math.abs(idle(established(0, 86_400) + end)! - 99.5) < 0.001);
  // Wobbled by one, shortened by data that waits for its acknowledgement: nothing new.
  const wobbly = established(0, 86_400) + established(1, 86_399) + established(1, 300);
  assert.ok(Math.abs(idle(wobbly + end)! - 99.5) < 0.001);
});

test('lines that cannot be read are counted and change nothing', () => {
  const {
    told: all,
    counts,
    unreadable,
  } = replayText(
    `### heading\n${opened(0)}garbage\n${flushed(10)}    [NEW] tcp 6 300\n\0\0\0\n${picked(20)}${'x'.repeat(10_000)}\n${refused(20)}`,
  );
  assert.deepEqual(pickupsInShort(all), ['40001 reset backend_changed deleted broken']);
  assert.deepEqual(unreadable, [6, 9]);
  assert.deepEqual([counts.lines, counts.other, counts.unreadable], [10, 3, 2]);
  assert.deepEqual(counts.events, { new: 2, update: 1, destroy: 2 });
});

test('a hole before an event, of a file that was emptied while it was written to, hides nothing', () => {
  const text = `${opened(0)}${'\0'.repeat(4000)}${flushed(10)}${picked(20)}${refused(20)}`;
  assert.deepEqual(told(text), ['40001 reset backend_changed deleted broken']);
  assert.deepEqual(told(`\0\0${text}`), ['40001 reset backend_changed deleted broken']);
});

test('a last line that was cut in a port is no event of another port', () => {
  const whole = STORY.trimEnd();
  const cut = whole.slice(0, whole.lastIndexOf('01 id='));
  const { told: all, unreadable } = replayText(cut);
  assert.deepEqual(pickupsInShort(all), []);
  assert.deepEqual(unreadable, [4]);
  assert.deepEqual(told(whole), ['40001 stalled backend_changed deleted broken']);
});

test('what is not made into an event would not have changed anything', () => {
  const state = fc.constantFrom(
    '',
    '300 ',
    '300 ESTABLISHED ',
    'ESTABLISHED ',
    '30 LAST_ACK ',
    '9 CLOSE ',
    '9 TIME_WAIT ',
  );
  const event = fc.record({
    type: fc.constantFrom('NEW' as const, 'UPDATE' as const, 'DESTROY' as const),
    rest: state,
    backend: fc.constantFrom('A', 'B', 'none'),
    port: fc.constantFrom(1, 2),
    unreplied: fc.boolean(),
    tail: fc.constantFrom('', '', ' [USERSPACE] portid=9'),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const detectors = [0, 1].map(() =>
        createDetector({
          ...DEFAULT_SETTINGS,
          lostCapacity: 8,
          unconfirmedCapacity: 8,
          brokenCapacity: 8,
          confirmWindowMs: 2000,
          isServiceAddress: () => false,
        }),
      );
      const [all, some] = detectors;
      for (const [i, { type, rest, ...options }] of events.entries()) {
        const bytes = Buffer.from(line(i, type, rest, options).trimEnd());
        const numbers = createEventLine();
        assert.equal(readEventLine(numbers, bytes, 0, bytes.length), 'event');
        const made = eventOfLine(numbers, bytes)!;
        const expected = step(all!, made, i);
        const matters = mayMatter(numbers, some!.pending.mayHave(made.original.sport));
        assert.deepEqual(matters ? step(some!, made, i) : [], expected);
        assert.deepEqual([some!.lost.size, some!.unconfirmed.size], [all!.lost.size, all!.unconfirmed.size]);
      }
    }),
    { numRuns: 300 },
  );
});
