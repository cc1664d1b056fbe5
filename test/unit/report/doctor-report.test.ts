import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { CheckResult } from '../../../src/model/check.ts';
import { doctorJson, doctorText } from '../../../src/report/doctor-report.ts';

const fine: CheckResult = {
  id: 'kernel',
  title: 'kernel version',
  status: 'OK',
  seen: 'It is new.',
  why: 'So.',
};
const short: CheckResult = {
  id: 'timeouts',
  title: 'timeouts',
  status: 'WARN',
  seen: 'They are short, and this sentence is long enough to be broken on a narrow terminal.',
  why: 'Connections break, which is a sentence that has to be broken on a narrow terminal as well.',
  fix: ['# a comment that is longer than the terminal is wide', 'sysctl -w a=1'],
  table: {
    headings: ['WHAT', 'AFTER'],
    rows: [
      ['conntrack', '5 d'],
      ['IPVS', '15 min'],
    ],
  },
};
const broken: CheckResult = { ...fine, id: 'events', title: 'events', status: 'FAIL', fix: ['do it'] };
const report = (...checks: CheckResult[]) => ({ node: 'node-1', checkedAtMs: 1_772_366_400_000, checks });

test('text: each check with its status, the fix below those that need one, and a summary', () => {
  const text = doctorText(report(fine, short, broken), { color: false, width: 60 });
  assert.equal(
    text,
    `OK    kernel version
      It is new.
      Why: So.

WARN  timeouts
      They are short, and this sentence is long enough to be
      broken on a narrow terminal.
          WHAT       AFTER
          conntrack  5 d
          IPVS       15 min
      Why: Connections break, which is a sentence that has
           to be broken on a narrow terminal as well.
      Fix:
          # a comment that is longer than the terminal is wide
          sysctl -w a=1

FAIL  events
      It is new.
      Why: So.
      Fix:
          do it

node-1: 1 FAIL, 1 WARN, 1 OK.
FAIL  events
WARN  timeouts
`,
  );
});

test('colours add nothing but colours', () => {
  const plain = doctorText(report(fine, short, broken), { color: false, width: 60 });
  const colored = doctorText(report(fine, short, broken), { color: true, width: 60 });
  assert.ok(colored.includes('\u001b[31mFAIL'));
  assert.equal(stripVTControlCharacters(colored), plain);
});

test('all is well', () => {
  assert.match(
    doctorText(report(fine), { color: false, width: undefined }),
    /\n\nnode-1: 0 FAIL, 0 WARN, 1 OK\.\n$/,
  );
});

test('control characters of foreign text do not reach a terminal', () => {
  const evil = 'a\u001b[2Jb\u009b31m\nc';
  const check: CheckResult = {
    ...short,
    title: evil,
    seen: evil,
    why: evil,
    fix: [evil],
    table: { headings: [evil], rows: [[evil]] },
  };
  const text = doctorText({ ...report(check), node: evil }, { color: false, width: 80 });
  assert.doesNotMatch(text, /(?!\n)\p{Cc}/u);
  assert.doesNotMatch(doctorJson(report(check)).trimEnd(), /\p{Cc}/u);
  assert.equal(JSON.parse(doctorJson(report(check))).checks[0].seen, evil);
});

test('JSON: one line with all of it, the worst status on top', () => {
  const text = doctorJson(report(fine, short));
  assert.equal(text.indexOf('\n'), text.length - 1);
  assert.deepEqual(JSON.parse(text), {
    node: 'node-1',
    checked_at: '2026-03-01T12:00:00.000Z',
    summary: { status: 'WARN', ok: 1, warn: 1, fail: 0 },
    checks: [
      { ...fine, fix: null },
      { ...short, fix: '# a comment that is longer than the terminal is wide\nsysctl -w a=1' },
    ],
  });
  assert.equal(JSON.parse(doctorJson(report(fine))).summary.status, 'OK');
  assert.equal(JSON.parse(doctorJson(report(fine, broken, short))).summary.status, 'FAIL');
});
