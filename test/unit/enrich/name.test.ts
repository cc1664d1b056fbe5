import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nameFinding } from '../../../src/enrich/name.ts';
import { NO_TOPOLOGY } from '../../../src/enrich/no-topology.ts';
import type { Connection, EntryLost, Pickup } from '../../../src/model/finding.ts';
import { endpoint, indexOf, ownedBy, pod, service, slice } from './kubernetes-objects.ts';

const topology = indexOf(
  service('redis', { clusterIP: '10.108.33.37', ports: [{ port: 6379, nodePort: 30679 }] }),
  slice('redis-x', 8080, [
    endpoint('10.244.0.2', 'redis-a'),
    endpoint('10.244.0.3', 'redis-b', { ready: false }),
    { addresses: ['172.31.250.1'], targetRef: { kind: 'Pod', name: 'on-host' } },
    { addresses: ['10.244.0.7'] },
  ]),
  pod('checkout-5-z', '10.244.0.7', {
    metadata: { ...ownedBy('ReplicaSet', 'checkout-5'), labels: { 'pod-template-hash': '5' } },
  }),
);

const connection: Connection = {
  zone: 0,
  src: '10.244.0.7',
  sport: 41000,
  dst: '10.108.33.37',
  dport: 6379,
};

const lost: EntryLost = {
  kind: 'entry_lost',
  connection,
  translated: true,
  cause: 'timeout',
  atMs: 1,
  tcpState: 'ESTABLISHED',
};

const pickup: Pickup = {
  kind: 'pickup',
  connection,
  translated: true,
  verdict: 'reset',
  mapping: 'backend_changed',
  sender: 'client',
  cause: 'timeout',
  broken: true,
  oldBackend: { ip: '10.244.0.2', port: 8080 },
  newBackend: { ip: '10.244.0.3', port: 8080 },
  lostAtMs: 1,
  pickedUpAtMs: 2,
  verdictAfterMs: 0.1,
  idleSeconds: 86400,
  evidence: [],
};

const redis = { namespace: 'shop', name: 'redis', servicePort: 6379, known: true };
const nameLost = (change: Partial<Connection>, translated = true, nodeName?: string) =>
  nameFinding(topology, { ...lost, translated, connection: { ...connection, ...change } }, nodeName);
const nameNew = (ip: string, port: number) => {
  const named = nameFinding(topology, { ...pickup, newBackend: { ip, port } });
  return named?.kind === 'pickup' ? named.newBackend : undefined;
};

test('a pickup gets client, Service and both backends; the rest stays as it is', () => {
  assert.deepEqual(nameFinding(topology, pickup), {
    ...pickup,
    client: {
      ip: '10.244.0.7',
      port: 41000,
      namespace: 'shop',
      pod: 'checkout-5-z',
      workload: 'Deployment/checkout',
    },
    service: { ip: '10.108.33.37', port: 6379, ...redis },
    oldBackend: {
      ip: '10.244.0.2',
      port: 8080,
      namespace: 'shop',
      pod: 'redis-a',
      node: 'node-a',
      ready: true,
    },
    newBackend: {
      ip: '10.244.0.3',
      port: 8080,
      namespace: 'shop',
      pod: 'redis-b',
      node: 'node-a',
      ready: false,
    },
  });
});

test('a lost entry gets client and Service', () => {
  const { client, service } = nameFinding(topology, pickup)!;
  assert.deepEqual(nameFinding(topology, lost), { ...lost, client, service });
});

describe('the Service', () => {
  const unknown = { namespace: '', known: false };

  test('by node port has its own port as its port', () => {
    for (const dst of ['172.31.250.1', '127.0.0.1']) {
      assert.deepEqual(nameLost({ dst, dport: 30679 })?.service, { ip: dst, port: 30679, ...redis }, dst);
    }
  });

  test('that nobody knows has the address for a name, if the flow was translated', () => {
    const service = { ip: '10.108.0.99', port: 443, ...unknown, name: '10.108.0.99', servicePort: 443 };
    assert.deepEqual(nameLost({ dst: '10.108.0.99', dport: 443 })?.service, service);
    assert.equal(nameLost({ dst: '10.108.0.99', dport: 443 }, false), undefined);
  });

  test('that is known need not be translated (IPVS)', () => {
    assert.equal(nameLost({}, false)?.service.name, 'redis');
  });
});

describe('the client', () => {
  const nameless = { port: 41000, namespace: undefined, pod: undefined };

  test('on the host network is the node', () => {
    const client = { ip: '172.31.250.1', ...nameless, workload: 'Node/node-a' };
    assert.deepEqual(nameLost({ src: '172.31.250.1' })?.client, client);
  });

  test('has the uid of its pod, not of another with the same name', () => {
    const uid = (...uids: string[]) => {
      const index = indexOf(...uids.map((uid) => pod('db-0', '10.244.0.7', { metadata: { uid } })));
      return nameFinding(index, lost)?.client.podUid;
    };
    assert.equal(uid('a'), 'a');
    assert.equal(uid('a', 'b'), 'b');
  });

  test('on the loopback is our node, if we know its name', () => {
    for (const src of ['127.0.0.1', '::1']) {
      assert.equal(nameLost({ src }, true, 'node-b')?.client.workload, 'Node/node-b', src);
      assert.equal(nameLost({ src })?.client.workload, undefined, src);
    }
  });

  test('elsewhere is unknown', () => {
    const client = { ip: '203.0.113.5', ...nameless, workload: undefined };
    assert.deepEqual(nameLost({ src: '203.0.113.5' }, true, 'node-b')?.client, client);
  });
});

describe('a backend', () => {
  test('on the host network is named by its endpoint, its node by the address', () => {
    const backend = { namespace: 'shop', pod: 'on-host', node: 'node-a', ready: true };
    assert.deepEqual(nameNew('172.31.250.1', 8080), { ip: '172.31.250.1', port: 8080, ...backend });
  });

  test('in no slice, or in one that does not name the pod, is named by its address', () => {
    const backend = { ip: '10.244.0.7', namespace: 'shop', pod: 'checkout-5-z', node: 'node-a' };
    assert.deepEqual(nameNew('10.244.0.7', 9999), { ...backend, port: 9999, ready: undefined });
    assert.deepEqual(nameNew('10.244.0.7', 8080), { ...backend, port: 8080, ready: true });
  });

  test('that nobody knows has an address only', () => {
    const unknown = { namespace: undefined, pod: undefined, node: undefined, ready: undefined };
    assert.deepEqual(nameNew('10.244.9.9', 1), { ip: '10.244.9.9', port: 1, ...unknown });
  });

  test('that is not known to the detector stays undefined', () => {
    const named = nameFinding(topology, { ...pickup, oldBackend: undefined });
    assert.equal(named?.kind === 'pickup' && named.oldBackend, undefined);
  });
});

test('with no topology a translated flow keeps its addresses, another is no Service flow', () => {
  const named = nameFinding(NO_TOPOLOGY, pickup);
  assert.equal(named?.service.name, '10.108.33.37');
  assert.equal(named?.service.known, false);
  assert.equal(named?.client.workload, undefined);
  assert.equal(nameFinding(NO_TOPOLOGY, { ...pickup, translated: false }), undefined);
});
