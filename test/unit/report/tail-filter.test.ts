import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientSelector, TailFilter } from '../../../src/model/tail-filter.ts';
import { showsEvent, showsFinding } from '../../../src/report/tail-filter.ts';
import { entryLost, pickup } from './samples.ts';
import { namedEvent, strangersEvent } from './tail-samples.ts';

const ANY: TailFilter = { service: undefined, namespace: undefined, client: undefined, cause: undefined };
const redis = { namespace: 'shop', name: 'redis' };
const filter = (fields: Partial<TailFilter>): TailFilter => ({ ...ANY, ...fields });

test('without a filter everything is shown', () => {
  assert.equal(showsEvent(ANY, strangersEvent()), true);
  assert.equal(showsFinding(ANY, pickup()), true);
});

test('by Service: of events and findings, and never an address that no Service has', () => {
  const rows = [
    [redis, true],
    [{ namespace: 'shop', name: 'web' }, false],
    [{ namespace: 'other', name: 'redis' }, false],
  ] as const;
  for (const [service, shown] of rows) {
    assert.equal(showsEvent(filter({ service }), namedEvent()), shown);
    assert.equal(showsFinding(filter({ service }), entryLost()), shown);
  }
  const { service } = strangersEvent();
  const byAddress = { namespace: '', name: service!.name };
  assert.equal(showsEvent(filter({ service: byAddress }), strangersEvent()), false);
  assert.equal(showsEvent(filter({ service: redis }), namedEvent({}, { service: undefined })), false);
});

test('by namespace: of the Service or of the client', () => {
  const { client, service } = namedEvent();
  const elsewhere = { ...client, namespace: 'jobs' };
  const shows = (namespace: string, names: Parameters<typeof namedEvent>[1]) =>
    showsEvent(filter({ namespace }), namedEvent({}, names));
  assert.equal(shows('shop', { client: elsewhere }), true);
  assert.equal(shows('jobs', { client: elsewhere }), true);
  assert.equal(shows('jobs', {}), false);
  const nobodys = { ...service!, known: false };
  assert.equal(shows('shop', { client: elsewhere, service: nobodys }), false);
});

test('by client: address, workload as the metrics have it, pod, or a workload of any kind', () => {
  const rows: [ClientSelector, boolean][] = [
    [{ by: 'address', ip: '10.244.1.7' }, true],
    [{ by: 'address', ip: '10.244.1.8' }, false],
    [{ by: 'workload', namespace: 'shop', workload: 'Deployment/checkout' }, true],
    [{ by: 'workload', namespace: 'shop', workload: 'StatefulSet/checkout' }, false],
    [{ by: 'workload', namespace: 'jobs', workload: 'Deployment/checkout' }, false],
    [{ by: 'name', namespace: 'shop', name: 'checkout-5d8f-x2x' }, true],
    [{ by: 'name', namespace: 'shop', name: 'checkout' }, true],
    [{ by: 'name', namespace: 'shop', name: 'check' }, false],
    [{ by: 'name', namespace: 'jobs', name: 'checkout' }, false],
  ];
  for (const [client, shown] of rows) {
    assert.equal(showsEvent(filter({ client }), namedEvent()), shown, JSON.stringify(client));
    assert.equal(showsFinding(filter({ client }), pickup()), shown, JSON.stringify(client));
  }
  const host = { ...namedEvent().client, namespace: undefined, pod: undefined, workload: 'Node/node-1' };
  const onHost: ClientSelector = { by: 'workload', namespace: undefined, workload: 'Node/node-1' };
  assert.equal(showsEvent(filter({ client: onHost }), namedEvent({}, { client: host })), true);
  assert.equal(showsEvent(filter({ client: onHost }), namedEvent()), false);
});

test('by cause: findings with it, and no event', () => {
  assert.equal(showsFinding(filter({ cause: 'timeout' }), pickup()), true);
  assert.equal(showsFinding(filter({ cause: 'deleted' }), pickup()), false);
  assert.equal(showsFinding(filter({ cause: 'deleted' }), entryLost({ cause: 'deleted' })), true);
  assert.equal(showsEvent(filter({ cause: 'timeout' }), namedEvent()), false);
});

test('several must all hold', () => {
  const client: ClientSelector = { by: 'address', ip: '10.244.1.7' };
  const all = { service: redis, namespace: 'shop', client, cause: 'timeout' } as const;
  assert.equal(showsFinding(all, pickup()), true);
  for (const wrong of [
    { service: { namespace: 'shop', name: 'web' } },
    { namespace: 'jobs' },
    { client: { by: 'address', ip: '10.0.0.1' } },
    { cause: 'ipvs' },
  ] as const) {
    assert.equal(showsFinding({ ...all, ...wrong }, pickup()), false, JSON.stringify(wrong));
  }
});
