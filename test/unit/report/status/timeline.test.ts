import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timelineOf } from '../../../../src/report/status/timeline.ts';
import { timelineSvg } from '../../../../src/report/status/timeline-svg.ts';
import { destroyed, NOON_MS, pickup } from '../samples.ts';

test('everything is known: five moments, and what lies between them', () => {
  const established = NOON_MS - 3_600_000;
  const [, ...rest] = pickup().evidence;
  const timeline = timelineOf(pickup({ evidence: [destroyed({ startedAtMs: established }), ...rest] }));
  assert.deepEqual(timeline, {
    established: { label: 'established', atMs: established },
    lastPacket: { label: 'last packet', atMs: NOON_MS + 1500.25 - 3000 },
    lost: { label: 'entry lost', atMs: NOON_MS },
    pickedUp: { label: 're-picked', atMs: NOON_MS + 1500.25 },
    end: { label: 'reset', atMs: NOON_MS + 1500.25 + 0.0419921875 },
    idle: 'idle 3 s',
    withoutEntry: 'gone 1.5 s',
    untilEnd: '42 µs',
    oldEntry: 'entry to the old backend',
    newEntry: 'new backend',
  });
});

test('what is not known is a question and no time', () => {
  const timeline = timelineOf(pickup({ lostAtMs: undefined, idleSeconds: undefined, evidence: [] }));
  assert.deepEqual(timeline.established, { label: 'established ?', atMs: undefined });
  assert.deepEqual(timeline.lastPacket, { label: 'last packet ?', atMs: undefined });
  assert.deepEqual(timeline.lost, { label: 'entry lost ?', atMs: undefined });
  assert.deepEqual([timeline.idle, timeline.withoutEntry], ['idle for an unknown time', 'gone']);
  assert.doesNotMatch(timelineSvg(timeline), /NaN|undefined|Invalid/);
});

test('a loss that is told after its pickup does not make time run backwards', () => {
  assert.equal(timelineOf(pickup({ lostAtMs: NOON_MS + 9_000 })).withoutEntry, 'gone 0 µs');
});

test('the new entry is told by where it leads', () => {
  const text = (fields: Parameters<typeof pickup>[0]) => timelineOf(pickup(fields)).newEntry;
  assert.equal(text({ mapping: 'source_changed' }), 'new source port');
  assert.equal(text({ mapping: 'none' }), 'no backend');
  assert.equal(text({ mapping: 'same' }), 'same backend');
  assert.equal(text({ mapping: 'unknown' }), 'some backend');
  assert.equal(text({ sender: 'server' }), 'untranslated');
});

test('the picture has every moment and span as text, and a summary for those who cannot see it', () => {
  const svg = timelineSvg(timelineOf(pickup()));
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]);
  for (const text of [
    'established ?',
    'last packet',
    'entry lost',
    're-picked',
    'reset',
    'idle 3 s',
    '42 µs',
  ]) {
    assert.ok(texts.includes(text), `${text} in ${texts.join(', ')}`);
  }
  assert.ok(texts.includes('12:00:00.000'));
  assert.match(svg, /role="img" aria-label="Time line: idle 3 s, gone 1.5 s, then reset"/);
});
