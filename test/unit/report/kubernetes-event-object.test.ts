/** The Event as the API server wants it: events.k8s.io/v1. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Event } from 'kubernetes-models/events.k8s.io/v1/Event';
import {
  createRequest,
  podOf,
  subjectOf,
  updateRequest,
} from '../../../src/report/kubernetes-event-object.ts';
import { EventStore } from '../../support/event-store.ts';
import { breakOf } from './events-harness.ts';
import { NOON_MS, stranger } from './samples.ts';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const once = { count: 1, lastAtMs: NOON_MS };

function subject(pickup = breakOf('checkout-5d8f-x2x'), note = 'It broke.', sequence = 0) {
  return subjectOf(podOf(pickup.client)!, pickup, note, sequence);
}

test('the first request makes the Event', () => {
  const { method, path, contentType, body } = createRequest(subject(), once, 'node-1');
  assert.deepEqual([method, contentType], ['POST', 'application/json']);
  assert.equal(path, '/apis/events.k8s.io/v1/namespaces/shop/events');
  const event = JSON.parse(body);
  assert.deepEqual(event, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: 'shop', name: 'checkout-5d8f-x2x.1898b5da0d3eaf00' },
    eventTime: '2026-03-01T12:00:01.500250Z',
    reportingController: 'conntrack-watchdog',
    reportingInstance: 'node-1',
    action: 'ConnectionBroken',
    reason: 'ConntrackConnectionBroken',
    type: 'Warning',
    regarding: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'shop',
      name: 'checkout-5d8f-x2x',
      uid: 'uid-checkout-5d8f-x2x',
    },
    related: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'redis' },
    note: 'It broke.',
  });
  assert.doesNotThrow(() => new Event(event).validate());
});

test('the next ones set its series, and nothing else', () => {
  const { method, path, contentType, body } = updateRequest(subject(), {
    count: 3,
    lastAtMs: NOON_MS + 0.9995,
  });
  assert.deepEqual([method, contentType], ['PATCH', 'application/merge-patch+json']);
  assert.equal(path, '/apis/events.k8s.io/v1/namespaces/shop/events/checkout-5d8f-x2x.1898b5da0d3eaf00');
  assert.deepEqual(JSON.parse(body), {
    series: { count: 3, lastObservedTime: '2026-03-01T12:00:00.000999Z' },
  });
});

test('an Event of something that happened more than once by then has its series from the start', () => {
  const { body } = createRequest(subject(), { count: 2, lastAtMs: NOON_MS + 2000 }, 'node-1');
  const { series } = JSON.parse(body);
  assert.deepEqual(series, { count: 2, lastObservedTime: '2026-03-01T12:00:02.000000Z' });
});

test('an address no Service is known for is not related to one', () => {
  const { body } = createRequest(
    subject(breakOf('a', { service: stranger('10.96.0.9', 80) })),
    once,
    'node-1',
  );
  assert.equal('related' in JSON.parse(body), false);
});

describe('what is too long', () => {
  test('is cut: the note at 1024 bytes, within no character', () => {
    const noteOf = (text: string) => subject(undefined, text).note;
    for (const fits of ['x'.repeat(1024), 'é'.repeat(512)]) assert.equal(noteOf(fits), fits);
    assert.equal(noteOf('x'.repeat(1025)), `${'x'.repeat(1021)}…`);
    assert.equal(noteOf(`${'é'.repeat(512)}x`), `${'é'.repeat(510)}…`);
    assert.equal(noteOf('𝔎'.repeat(300)), `${'𝔎'.repeat(255)}…`);
    assert.ok(Buffer.byteLength(noteOf('𝔎'.repeat(300))) <= 1024);
  });

  test('is cut: the name at 253 characters, the node at 128', () => {
    const long = `${'a'.repeat(234)}.-${'b'.repeat(17)}`;
    const { body } = createRequest(subject(breakOf(long)), once, 'n'.repeat(253));
    const { metadata, regarding, reportingInstance } = JSON.parse(body);
    assert.match(metadata.name, SUBDOMAIN);
    assert.match(metadata.name, /^a{234}\.1898b5da0d3eaf00$/);
    assert.equal(regarding.name, long);
    assert.equal(reportingInstance.length, 128);
    const { name } = subject(breakOf('c'.repeat(253)));
    assert.equal(name.length, 253);
  });
});

test('two Events of one pod in the same moment have two names', () => {
  const names = Array.from({ length: 1000 }, (_, i) => subject(undefined, '', i).name);
  assert.equal(new Set(names).size, 1000);
  for (const name of names) assert.match(name, SUBDOMAIN);
});

describe('the API server of the tests', () => {
  const request = createRequest(subject(), once, 'node-1');
  const event = JSON.parse(request.body);
  const post = (change: object, store = new EventStore()) =>
    store.handle({ ...request, body: JSON.stringify({ ...event, ...change }) });

  test('takes what is right', () => {
    const store = new EventStore();
    assert.equal(post({}, store).status, 201);
    assert.equal(post({}, store).status, 409);
    assert.equal(store.handle(updateRequest(subject(), { ...once, count: 2 })).status, 200);
  });

  const { metadata, regarding } = event;
  for (const [what, change, status] of [
    ['without a time', { eventTime: undefined }, 422],
    ['with milliseconds', { eventTime: '2026-03-01T12:00:01.500Z' }, 422],
    ['by a controller with a space', { reportingController: 'a b' }, 422],
    ['by nobody', { reportingInstance: '' }, 422],
    ['by a node with a long name', { reportingInstance: 'x'.repeat(129) }, 422],
    ['without action', { action: undefined }, 422],
    ['without reason', { reason: '' }, 422],
    ['with a long note', { note: 'é'.repeat(513) }, 422],
    ['of another type', { type: 'Error' }, 422],
    ['on a pod of another namespace', { regarding: { ...regarding, namespace: 'other' } }, 422],
    ['in another namespace', { metadata: { ...metadata, namespace: 'other' } }, 400],
    ['with a wrong name', { metadata: { ...metadata, name: 'a_b' } }, 422],
    ['with deprecated fields', { deprecatedCount: 1 }, 422],
    ['with an unknown field', { regarding: { ...regarding, id: 1 } }, 422],
    ['that happened once, as a series', { series: { count: 1, lastObservedTime: event.eventTime } }, 422],
    ['with a series without time', { series: { count: 2 } }, 422],
  ] as const) {
    test(`refuses an Event ${what}`, () => assert.equal(post(change).status, status));
  }

  test('refuses other changes than of the series', () => {
    const store = new EventStore();
    post({}, store);
    const patch = updateRequest(subject(), { ...once, count: 2 });
    const change = (body: object, contentType = patch.contentType) =>
      store.handle({ ...patch, contentType, body: JSON.stringify(body) }).status;
    assert.equal(change({ note: 'another' }), 422);
    assert.equal(change({ series: { count: 1, lastObservedTime: event.eventTime } }), 422);
    assert.equal(change({}, 'application/json'), 415);
    store.expire();
    assert.equal(change({}), 404);
  });
});
