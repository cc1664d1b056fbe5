import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { readPod } from '../../../src/enrich/read-pod.ts';
import { readService } from '../../../src/enrich/read-service.ts';
import {
  endpoint,
  type Fields,
  indexOf,
  metadata,
  ownedBy,
  pod,
  service,
  slice,
} from './kubernetes-objects.ts';

const ref = (name: string) => ({ namespace: 'shop', name });
const http = [{ port: 80, targetPort: 8080, nodePort: 30080 }];
const web = service('web', { clusterIP: '10.108.0.9', externalIPs: ['192.0.2.1'], ports: http });

describe('Services', () => {
  test('are found at each of their addresses, with the right port only', () => {
    const index = indexOf(
      service(
        'web',
        {
          clusterIP: '10.108.0.9',
          clusterIPs: ['10.108.0.9', 'fd00:0::9'],
          externalIPs: ['192.0.2.1'],
          ports: http,
        },
        { status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } } },
      ),
    );
    for (const ip of ['10.108.0.9', 'fd00::9', '192.0.2.1', '198.51.100.7']) {
      assert.deepEqual(index.serviceAt(ip, 80), { ...ref('web'), port: 80 }, ip);
      assert.equal(index.serviceAt(ip, 8080), undefined, ip);
      assert.equal(index.serviceAt(ip, 30080), undefined, ip);
    }
  });

  test('are found at their node port on a node and on the loopback only, by their own port', () => {
    const index = indexOf(web, pod('p', '10.244.0.2', { status: { hostIPs: [{ ip: '2001:db8::1' }] } }));
    for (const ip of ['172.31.250.1', '2001:db8::1', '127.0.0.1', '::1']) {
      assert.deepEqual(index.serviceAtNodePort(ip, 30080), { ...ref('web'), port: 80 }, ip);
      assert.equal(index.serviceAtNodePort(ip, 80), undefined, ip);
    }
    for (const ip of ['10.244.0.2', '192.0.2.1', '172.31.250.2']) {
      assert.equal(index.serviceAtNodePort(ip, 30080), undefined, ip);
    }
  });

  test('follow changes and go away', () => {
    const index = indexOf(web);
    index.setService(readService(service('web', { clusterIP: '10.108.0.9', ports: [{ port: 81 }] })));
    assert.equal(index.serviceAt('10.108.0.9', 80), undefined);
    assert.equal(index.serviceAt('192.0.2.1', 80), undefined);
    assert.equal(index.serviceAtNodePort('127.0.0.1', 30080), undefined);
    assert.deepEqual(index.serviceAt('10.108.0.9', 81), { ...ref('web'), port: 81 });
    index.removeService(ref('web'));
    index.removeService(ref('never-seen'));
    assert.equal(index.serviceAt('10.108.0.9', 81), undefined);
  });

  test('two that claim one address: the older has it, in any order, until it is removed', () => {
    const born = (name: string, creationTimestamp: string | undefined): Fields => ({
      ...web,
      metadata: metadata(name, { creationTimestamp }),
    });
    const old = born('zebra', '2026-01-01T00:00:00Z');
    const late = born('ant', '2026-01-01T00:00:01Z');
    for (const index of [indexOf(old, late), indexOf(late, old)]) {
      assert.equal(index.serviceAt('192.0.2.1', 80)?.name, 'zebra');
      assert.equal(index.serviceAtNodePort('127.0.0.1', 30080)?.name, 'zebra');
      index.removeService(ref('zebra'));
      assert.equal(index.serviceAt('192.0.2.1', 80)?.name, 'ant');
    }
    const same = [born('b', undefined), born('a', undefined)] as const;
    assert.equal(indexOf(...same).serviceAt('192.0.2.1', 80)?.name, 'a');
  });
});

describe('Pods', () => {
  const deleting = { deletionTimestamp: '2026-11-23T09:00:00Z' };
  const born = (creationTimestamp: string) => ({ creationTimestamp });

  test('are found at their addresses with workload and node', () => {
    const index = indexOf(
      pod('ledger-0', '10.244.0.6', {
        metadata: ownedBy('StatefulSet', 'ledger'),
        status: { podIPs: [{ ip: '10.244.0.6' }, { ip: 'fd00:0:0::6' }] },
      }),
    );
    const ledger = { ...ref('ledger-0'), workload: 'StatefulSet/ledger', node: 'node-a' };
    assert.deepEqual(index.podAt('10.244.0.6'), ledger);
    assert.deepEqual(index.podAt('fd00::6'), ledger);
  });

  test('on the host network do not own the address of the node', () => {
    const index = indexOf(pod('host-shell', '172.31.250.1', { spec: { hostNetwork: true } }));
    assert.equal(index.podAt('172.31.250.1'), undefined);
    assert.equal(index.nodeAt('172.31.250.1'), 'node-a');
  });

  const REUSE: readonly [string, Fields, Fields][] = [
    ['the newer one', born('2026-11-23T06:00:01Z'), born('2026-11-23T06:00:00Z')],
    [
      'the one not told to stop',
      born('2026-11-23T05:00:00Z'),
      { ...born('2026-11-23T06:00:00Z'), ...deleting },
    ],
  ];
  for (const [what, winner, loser] of REUSE) {
    test(`an address used again: ${what} has it, in any order, and keeps it when the other goes`, () => {
      const pods = [
        pod('new', '10.244.0.9', { metadata: winner }),
        pod('old', '10.244.0.9', { metadata: loser }),
      ] as const;
      for (const index of [indexOf(...pods), indexOf(...pods.toReversed())]) {
        assert.equal(index.podAt('10.244.0.9')?.name, 'new');
        index.removePod(ref('old'));
        assert.equal(index.podAt('10.244.0.9')?.name, 'new');
        index.removePod(ref('new'));
        assert.equal(index.podAt('10.244.0.9'), undefined);
      }
    });
  }

  test('of one age: the one heard of last has the address', () => {
    assert.equal(indexOf(pod('b', '10.244.0.9'), pod('a', '10.244.0.9')).podAt('10.244.0.9')?.name, 'a');
    assert.equal(indexOf(pod('a', '10.244.0.9'), pod('b', '10.244.0.9')).podAt('10.244.0.9')?.name, 'b');
  });

  test('that end give their address back', () => {
    const index = indexOf(pod('job', '10.244.0.9'));
    index.setPod(readPod(pod('job', '10.244.0.9', { status: { phase: 'Succeeded' } })));
    assert.equal(index.podAt('10.244.0.9'), undefined);
    assert.equal(index.nodeAt('172.31.250.1'), 'node-a');
  });

  test('names with separators are kept apart', () => {
    const named = (namespace: string, name: string, ip: string) =>
      pod('', ip, { metadata: { namespace, name } });
    const index = indexOf(named('a/b', 'c', '10.0.0.1'), named('a', 'b/c', '10.0.0.2'));
    index.removePod({ namespace: 'a', name: 'b/c' });
    assert.equal(index.podAt('10.0.0.1')?.namespace, 'a/b');
    assert.equal(index.podAt('10.0.0.2'), undefined);
  });

  test('tell the addresses of nodes as long as one of them is there', () => {
    const index = indexOf(pod('a', '10.244.0.2'), pod('b', '10.244.0.3'), pod('b', '10.244.0.4'));
    index.removePod(ref('a'));
    assert.equal(index.nodeAt('172.31.250.1'), 'node-a');
    index.removePod(ref('b'));
    assert.equal(index.nodeAt('172.31.250.1'), undefined);
  });

  test('without a node tell none', () => {
    const index = indexOf(pod('a', undefined), pod('a', undefined, { spec: { nodeName: '' } }));
    assert.equal(index.nodeAt('172.31.250.1'), undefined);
  });

  test('of a replaced machine yield to those of the new one', () => {
    const onNodeB = (name: string, creationTimestamp: string) =>
      pod(name, undefined, { spec: { nodeName: 'node-b' }, metadata: born(creationTimestamp) });
    const index = indexOf(
      onNodeB('daemon', '2026-11-23T05:00:00Z'),
      onNodeB('new', '2026-11-23T08:00:00Z'),
      pod('left-over', undefined),
    );
    assert.equal(index.nodeAt('172.31.250.1'), 'node-b');
    index.removePod(ref('new'));
    index.removePod(ref('daemon'));
    assert.equal(index.nodeAt('172.31.250.1'), 'node-a');
  });
});

describe('endpoints', () => {
  const state = (podName: string, ready = true) => ({
    namespace: 'shop',
    pod: podName,
    node: 'node-a',
    ready,
  });

  test('are found by address and port, those of headless Services too', () => {
    const labels = { 'service.kubernetes.io/headless': '' };
    const index = indexOf(
      slice('db-x', 5432, [endpoint('10.244.0.2', 'db-0')], { metadata: metadata('db-x', { labels }) }),
    );
    assert.deepEqual(index.endpointAt('10.244.0.2', 5432), state('db-0'));
    assert.equal(index.endpointAt('10.244.0.2', 80), undefined);
  });

  test('stay while another slice says so', () => {
    const index = indexOf(
      slice('web-x', 8080, [endpoint('10.244.0.2', 'web-1'), endpoint('10.244.0.3', 'web-2')]),
      slice('web-np-y', 8080, [endpoint('10.244.0.2', 'web-1')]),
    );
    index.removeEndpointSlice(ref('web-x'));
    assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('web-1'));
    assert.equal(index.endpointAt('10.244.0.3', 8080), undefined);
    index.setEndpointSlice(readEndpointSlice(slice('web-np-y', 8080, [])));
    assert.equal(index.endpointAt('10.244.0.2', 8080), undefined);
    index.removeEndpointSlice(ref('web-np-y'));
  });

  test('are ready only if no slice denies it, in any order', () => {
    const pair = [
      slice('all', 8080, [endpoint('10.244.0.2', 'web-1', { ready: true })]), // publishNotReadyAddresses
      slice('web', 8080, [endpoint('10.244.0.2', 'web-1', { ready: false })]),
    ] as const;
    for (const index of [indexOf(...pair), indexOf(...pair.toReversed())]) {
      assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('web-1', false));
      index.removeEndpointSlice(ref('web'));
      assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('web-1', true));
    }
  });

  test('an address used again: the ready pod has it, while a slice lags behind', () => {
    const pair = [
      slice('lagging', 8080, [endpoint('10.244.0.2', 'old', { ready: false })]),
      slice('current', 8080, [endpoint('10.244.0.2', 'new', { ready: true })]),
    ] as const;
    for (const index of [indexOf(...pair), indexOf(...pair.toReversed())]) {
      assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('new'));
    }
  });

  test('two pods at one address, both ready: the one heard of last has it', () => {
    const said = (name: string, podName: string) => slice(name, 8080, [endpoint('10.244.0.2', podName)]);
    const index = indexOf(said('x', 'old'), said('y', 'new'));
    assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('new'));
    index.setEndpointSlice(readEndpointSlice(said('x', 'newer')));
    assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('newer'));
  });

  test('a slice that names the pod is believed over one that does not', () => {
    const index = indexOf(
      slice('manual', 8080, [{ addresses: ['10.244.0.2'] }]),
      slice('web', 8080, [endpoint('10.244.0.2', 'web-1', { ready: false })]),
    );
    assert.deepEqual(index.endpointAt('10.244.0.2', 8080), state('web-1', false));
  });
});
