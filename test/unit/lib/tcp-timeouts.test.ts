import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  closedTimeout,
  DEFAULT_TIMEOUTS,
  fullTimeout,
  idleSeconds,
  type TcpTimeouts,
  timeoutsFrom,
} from '../../../src/lib/tcp-timeouts.ts';

test('what cannot be read has the kernel’s default', () => {
  assert.deepEqual(timeoutsFrom(new Map()), {
    established: 432_000,
    finWait: 120,
    closeWait: 60,
    lastAck: 30,
    timeWait: 120,
    close: 10,
    unacknowledged: 300,
  } satisfies TcpTimeouts);
});

test('each sysctl is read by its name; data that is not acknowledged has the shorter of two', () => {
  const settings = new Map(
    Object.entries({
      established: 1,
      fin_wait: 2,
      close_wait: 3,
      last_ack: 4,
      time_wait: 5,
      close: 6,
      unacknowledged: 50,
    }).map(([name, value]) => [`nf_conntrack_tcp_timeout_${name}`, value]),
  );
  const expected = {
    ...{ established: 1, finWait: 2, closeWait: 3, lastAck: 4, timeWait: 5, close: 6, unacknowledged: 50 },
  };
  assert.deepEqual(timeoutsFrom(settings), expected);
  settings.set('nf_conntrack_tcp_timeout_max_retrans', 40);
  assert.equal(timeoutsFrom(settings).unacknowledged, 40);
  settings.set('nf_conntrack_tcp_timeout_max_retrans', 60);
  assert.equal(timeoutsFrom(settings).unacknowledged, 50);
});

test('each state of a connection that is closing or closed has its timeout; open ones apart from those', () => {
  const closed = Array.from({ length: 11 }, (_, state) => closedTimeout(state, DEFAULT_TIMEOUTS));
  const [seven, eight] = [closed[7], closed[8]];
  assert.deepEqual([seven, eight, closed.filter((each) => each !== undefined).length], [120, 10, 2]);
});

test('only the open states have a whole timeout', () => {
  const all = Array.from({ length: 11 }, (_, state) => fullTimeout(state, DEFAULT_TIMEOUTS));
  const none = undefined;
  assert.deepEqual(all, [none, none, none, 432_000, 120, 60, 30, none, none, none, none]);
});

test('idle time is what is used up of the whole timeout, unless that does not follow', () => {
  for (const [full, remaining, expected, why] of [
    [86_400, 86_400, 0, 'just now'],
    [86_400, 86_401, 0, 'times wobble by a second, and are never negative'],
    [86_400, 86_401.5, undefined, 'more than the whole: the sysctl was lowered'],
    [86_400, 50_000, 36_400, 'in between'],
    [86_400, 301.5, 86_098.5, 'above what unacknowledged data leaves'],
    [86_400, 301, undefined, 'unacknowledged data may have shortened it, and times wobble'],
    [86_400, 0, undefined, 'the same'],
    [300, 300, 0, 'no longer than the short one: nothing can have shortened it'],
    [300, 0, 300, 'the same'],
    [301, 301, undefined, 'a little longer'],
    [60, 20, 40, 'CLOSE_WAIT'],
  ] as const) {
    assert.equal(idleSeconds(full, remaining, 300), expected, `${remaining} of ${full}: ${why}`);
  }
});
