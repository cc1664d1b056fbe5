import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type FlowEvent, PORT_ID_NOT_TOLD } from '../../../src/model/flow-event.ts';
import type { NamedPickup } from '../../../src/model/named-finding.ts';
import { brokenLine } from '../../../src/report/broken-line.ts';
import { brokenSentence } from '../../../src/report/broken-sentence.ts';
import { breakJson, breakText } from '../../../src/report/replay-break.ts';
import { type ReplayCounts, replaySummary } from '../../../src/report/replay-summary.ts';
import { ReplayTotals } from '../../../src/report/replay-totals.ts';
import { destroyed, NOON_MS, pickup, stranger } from './samples.ts';

const WINDOW = { confirmWindowMs: 2000 };
const COUNTS: ReplayCounts = {
  lines: 10,
  other: 2,
  unreadable: 1,
  overruns: 0,
  untranslated: 0,
  events: { new: 3, update: 3, destroy: 1 },
  timed: 7,
  firstMs: NOON_MS,
  lastMs: NOON_MS + 90_000,
};
const atNoTime = (event: FlowEvent): FlowEvent => ({ ...event, atMs: Number.NaN });
const untimed = (fields: Partial<NamedPickup> = {}) =>
  pickup({
    pickedUpAtMs: Number.NaN,
    lostAtMs: Number.NaN,
    idleSeconds: undefined,
    verdictAfterMs: Number.NaN,
    evidence: pickup().evidence.map(atNoTime),
    ...fields,
  });

test('what a recording advises does not name what only the agent has', () => {
  const recorded = (fields: Partial<NamedPickup>) => brokenSentence(pickup(fields), {}, 'recording');
  assert.match(
    recorded({ cause: 'unseen' }),
    /The entry was older than the recording, or events are missing in it: conntrack -E loses some unless its buffer is large \(-b 67108864\)\.$/,
  );
  assert.match(
    recorded({ cause: 'kernel' }),
    /If IPVS serves it, IPVS forgot it, which a recording does not tell; else look for /,
  );
  for (const cause of ['unseen', 'kernel'] as const) {
    assert.doesNotMatch(recorded({ cause }), /agent|_total|table_limit/);
  }
});

test('the time of a line is that of its verdict; without times it has none', () => {
  const json = (found: NamedPickup) =>
    JSON.parse(breakJson({ pickup: found, line: 7, ...WINDOW })) as Record<string, unknown>;
  const timed = json(pickup({ pickedUpAtMs: NOON_MS, verdictAfterMs: 1500 }));
  assert.deepEqual([timed['time'], timed['line']], ['2026-03-01T12:00:01.500Z', 7]);
  const line = json(untimed());
  for (const key of ['time', 'lost_at', 'picked_up_at', 'verdict_after_ms', 'idle_seconds']) {
    assert.ok(!(key in line), key);
  }
  assert.ok((line['evidence'] as object[]).every((event) => !('at' in event)));
});

test('a program whose port id was not told is still a program, without a number', () => {
  const [, ...rest] = pickup().evidence;
  const deleted = pickup({ cause: 'deleted', evidence: [destroyed({ portId: PORT_ID_NOT_TOLD }), ...rest] });
  assert.match(brokenSentence(deleted), /: a program deleted its conntrack entry, /);
  const { port_id, evidence } = brokenLine(deleted);
  assert.deepEqual([port_id, evidence[0]?.port_id], [undefined, undefined]);
});

test('for people: when, what, coloured on a terminal only', () => {
  const reset = breakText({ pickup: pickup({ pickedUpAtMs: NOON_MS }), line: 7, ...WINDOW }, false);
  assert.match(reset, /^2026-03-01T12:00:00\.000Z {2}Connection from .* was reset: /);
  const color = breakText({ pickup: pickup({ pickedUpAtMs: NOON_MS }), line: 7, ...WINDOW }, true);
  assert.equal(stripVTControlCharacters(color), reset);
  assert.notEqual(color, reset);
  assert.match(breakText({ pickup: untimed(), line: 7, ...WINDOW }, false), /^line 7 {2}Connection from /);
});

test('a stall that the end of the recording decided says how sure it is', () => {
  const stalled = (fields: Partial<NamedPickup>) =>
    breakText({ pickup: pickup({ verdict: 'stalled', ...fields }), line: undefined, ...WINDOW }, false);
  assert.match(
    stalled({ verdictAfterMs: 1400 }),
    / Not certain: the recording ends 1\.4 s after that packet, and an answer may have come later\.\n$/,
  );
  assert.match(
    stalled({ verdictAfterMs: 5000, mapping: 'unknown' }),
    / Not certain: if that is its old backend, it may have been a bare acknowledgement, which nobody answers\.\n$/,
  );
  assert.doesNotMatch(stalled({ verdictAfterMs: 5000 }), /certain/);
  const text = breakText({ pickup: untimed({ verdict: 'stalled' }), line: undefined, ...WINDOW }, false);
  assert.match(
    text,
    /^line after the last {2}.* Not certain: how long nothing answered is not known, as the recording has no time stamps\.\n$/,
  );
});

test('the summary counts what is alike, most first', () => {
  const totals = new ReplayTotals();
  const { client, service, connection } = pickup();
  const lost = {
    kind: 'entry_lost',
    connection,
    translated: true,
    cause: 'timeout',
    atMs: 0,
    tcpState: undefined,
    client,
    service,
  } as const;
  for (const finding of [
    pickup(),
    pickup({ service: stranger('10.0.0.1', 80), cause: 'deleted', verdict: 'stalled' }),
    pickup({ service: stranger('10.0.0.1', 80), cause: 'deleted', verdict: 'stalled' }),
    pickup({ verdict: 'survived', broken: false }),
    lost,
  ]) {
    totals.count(finding);
  }
  assert.equal(
    replaySummary(COUNTS, totals, false),
    `
3 broken connections.

BROKEN  SERVICE          CAUSE    OUTCOME
     2  10.0.0.1:80      deleted  stalled
     1  shop/redis:6379  timeout  reset

Entries lost under open connections: 1 (timeout 1)
Mid-stream pickups: 4 (stalled 2, reset 1, survived 1)
Lines read: 10: 7 events (NEW 3, UPDATE 3, DESTROY 1), 2 skipped as no events, 1 not readable
Recorded: 2026-03-01T12:00:00.000Z to 2026-03-01T12:01:30.000Z (1 min 30 s)
`,
  );
});

test('nothing found is said too, and times only where there are some', () => {
  const text = replaySummary(
    { ...COUNTS, timed: 0, firstMs: Number.NaN, lastMs: Number.NaN },
    new ReplayTotals(),
    false,
  );
  assert.match(
    text,
    /^No broken connections\.\n\nEntries lost under open connections: 0\nMid-stream pickups: 0\n/,
  );
  assert.doesNotMatch(text, /Recorded|Invalid|NaN/);
});

test('more Services than there is room for are counted together', () => {
  const totals = new ReplayTotals();
  for (let i = 0; i < 20_000; i++) {
    totals.count(pickup({ service: stranger(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 80) }));
  }
  const rows = totals.rows();
  assert.deepEqual(
    [rows.length, rows[0]],
    [10_001, { service: undefined, cause: 'timeout', outcome: 'reset', count: 10_000 }],
  );
  const text = replaySummary(COUNTS, totals, false);
  assert.match(text, /^ 10000 {2}\(other Services\) {2}timeout {2}reset$/m);
  assert.match(text, /^\.\.\. and 9951 more rows$/m);
});
