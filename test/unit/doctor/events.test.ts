import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BlindFacts,
  checkBlindEntries,
  checkEvents,
  checkTimestamps,
} from '../../../src/doctor/events.ts';

test('events: off and not there fail, 1 and 2 are fine and told apart', () => {
  const off = checkEvents({ events: 0 });
  assert.equal(off.status, 'FAIL');
  assert.deepEqual(off.fix, [
    'sysctl -w net.netfilter.nf_conntrack_events=1',
    "echo 'net.netfilter.nf_conntrack_events = 1' > /etc/sysctl.d/90-nf-conntrack-events.conf",
  ]);
  const absent = checkEvents({ events: undefined });
  assert.equal(absent.status, 'FAIL');
  assert.match(absent.seen, /conntrack is not loaded/);
  assert.deepEqual(absent.fix?.[0], 'modprobe nf_conntrack');
  const unreadable = checkEvents({ events: undefined, unreadable: 'EACCES: permission denied' });
  assert.equal(unreadable.status, 'FAIL');
  assert.match(unreadable.seen, /EACCES/);
  assert.deepEqual([checkEvents({ events: 1 }).status, checkEvents({ events: 2 }).status], ['OK', 'OK']);
  assert.match(checkEvents({ events: 2 }).seen, /made while nobody does send none, ever/);
});

test('blind entries: what follows from the sysctl, the listeners and the connections', () => {
  const rows: readonly (readonly [BlindFacts, string, RegExp])[] = [
    [{ events: 2, listeners: [], translated: 0 }, 'OK', /0 connections.*none is blind/],
    [{ events: 2, listeners: [], translated: 7 }, 'WARN', /7 connections.*nobody listens now.*for good/],
    [
      { events: 2, listeners: [4242], translated: 7 },
      'OK',
      /a program listens \(port id 4242\).*before it began/,
    ],
    [{ events: 2, listeners: [1, 2], translated: 7 }, 'OK', /2 programs listen \(port id 1, 2\)/],
    [{ events: 2, listeners: undefined, translated: 7 }, 'WARN', /cannot be read/],
    [{ events: 2, listeners: [], translated: undefined }, 'WARN', /cannot be read \(see ctnetlink\)/],
    [{ events: 1, listeners: [], translated: 7 }, 'OK', /none is blind that was made since it was set/],
    [{ events: 0, listeners: [], translated: 7 }, 'WARN', /none of their entries sends events/],
    [{ events: undefined, listeners: [], translated: 0 }, 'WARN', /none of their entries sends events/],
  ];
  for (const [facts, status, seen] of rows) {
    const result = checkBlindEntries(facts);
    assert.equal(result.status, status, JSON.stringify(facts));
    assert.match(result.seen, seen);
    assert.equal(result.fix !== undefined, status !== 'OK');
  }
});

test('exact times are told, whatever they are it is fine', () => {
  const rows = [
    [undefined, '6.18.0', /has no nf_conntrack_timestamp/],
    [0, '6.18.0', /is 0: .*and the time of each event/],
    [0, '6.1.0', /is 0: .*when an entry was made\.$/],
    [1, '6.18.0', /is 1: .*events the time at which they happened/],
    [1, '6.1.0', /is 1: .*since Linux 6\.14/],
  ] as const;
  for (const [timestamp, release, seen] of rows) {
    const result = checkTimestamps({ timestamp, release });
    assert.equal(result.status, 'OK');
    assert.match(result.seen, seen);
  }
});
