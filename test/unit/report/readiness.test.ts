import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReadiness } from '../../../src/report/readiness.ts';

test('ready when every condition holds, and not any more when one fails', () => {
  const readiness = createReadiness(['subscribed', 'events_enabled']);
  assert.deepEqual(readiness.reasons(), ['subscribed: not yet', 'events_enabled: not yet']);
  readiness.meet('events_enabled');
  assert.deepEqual(readiness.reasons(), ['subscribed: not yet']);
  assert.deepEqual(readiness.conditions(), [
    ['subscribed', false],
    ['events_enabled', true],
  ]);
  readiness.meet('subscribed');
  assert.deepEqual(readiness.reasons(), []);
  readiness.fail('events_enabled', 'nf_conntrack_events is 0');
  readiness.fail('subscribed', 'the socket is gone');
  assert.deepEqual(readiness.reasons(), [
    'subscribed: the socket is gone',
    'events_enabled: nf_conntrack_events is 0',
  ]);
});
