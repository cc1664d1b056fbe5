import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClusterTopology } from '../../../src/enrich/cluster-topology.ts';
import { DepartedNames } from '../../../src/enrich/departed-names.ts';
import { readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { readPod } from '../../../src/enrich/read-pod.ts';
import { readService } from '../../../src/enrich/read-service.ts';
import { endpoint, type Fields, metadata, pod, service, slice } from './kubernetes-objects.ts';

const MINUTE = 60_000;
const name = (pod: string) => ({ namespace: 'shop', name: pod, workload: `Pod/${pod}`, node: 'node-a' });
const ref = (name: string) => ({ namespace: 'shop', name });
const labelled = (service: string) => ({
  metadata: metadata(`${service}-x`, { labels: { 'kubernetes.io/service-name': service } }),
});

function startTopology() {
  let nowMs = 0;
  const topology = new ClusterTopology('node-a', () => nowMs);
  return {
    topology,
    passMs: (ms: number) => {
      nowMs += ms;
    },
    setService: (object: Fields) => topology.setService(readService(object)),
    setPod: (object: Fields) => topology.setPod(readPod(object)),
    setSlice: (object: Fields) => topology.setEndpointSlice(readEndpointSlice(object)),
  };
}

describe('who left an address', () => {
  test('keeps it for ten minutes, by pod and by endpoint', () => {
    const { topology, passMs, setPod, setSlice } = startTopology();
    setPod(pod('web-1', '10.0.0.1'));
    setSlice(slice('web', 8080, [endpoint('10.0.0.1', 'web-1')]));
    const before = topology.endpointAt('10.0.0.1', 8080);
    topology.removePod(ref('web-1'));
    topology.removeEndpointSlice(ref('web'));
    passMs(10 * MINUTE - 1);
    assert.equal(topology.podAt('10.0.0.1')?.name, 'web-1');
    assert.deepEqual(topology.endpointAt('10.0.0.1', 8080), { ...before, ready: false });
    assert.equal(topology.endpointAt('10.0.0.1', 80), undefined);
    passMs(1);
    assert.equal(topology.podAt('10.0.0.1'), undefined);
    assert.equal(topology.endpointAt('10.0.0.1', 8080), undefined);
  });

  test('a pod that ended left its address, one that changed did not', () => {
    const { topology, setPod } = startTopology();
    setPod(pod('job', '10.0.0.1'));
    setPod(pod('job', '10.0.0.1', { metadata: { labels: {} } }));
    setPod(pod('job', '10.0.0.1', { status: { phase: 'Succeeded' } }));
    assert.equal(topology.podAt('10.0.0.1')?.name, 'job');
    setPod(pod('next', '10.0.0.1'));
    assert.equal(topology.podAt('10.0.0.1')?.name, 'next');
    topology.removePod(ref('next'));
    assert.equal(topology.podAt('10.0.0.1')?.name, 'next', 'who left last');
  });

  test('whoever takes the address ends the old names, at other ports too', () => {
    const { topology, setPod, setSlice } = startTopology();
    setSlice(slice('web', 8080, [endpoint('10.0.0.1', 'web-1'), endpoint('10.0.0.2', 'web-2')]));
    topology.removeEndpointSlice(ref('web'));
    setSlice(slice('other', 9090, [endpoint('10.0.0.1', 'other-1')]));
    assert.equal(topology.endpointAt('10.0.0.1', 8080), undefined);
    setPod(pod('new', '10.0.0.2'));
    assert.equal(topology.endpointAt('10.0.0.2', 8080), undefined);
  });

  test('the same pod at the address ends nothing', () => {
    const { topology, setPod, setSlice } = startTopology();
    setSlice(slice('web', 8080, [endpoint('10.0.0.1', 'web-1')]));
    setSlice(slice('web', 8080, []));
    setPod(pod('web-1', '10.0.0.1'));
    assert.equal(topology.endpointAt('10.0.0.1', 8080)?.pod, 'web-1');
    assert.equal(topology.endpointAt('10.0.0.1', 8080)?.ready, false);
    setSlice(slice('web', 8080, [endpoint('10.0.0.1', 'web-1')]));
    assert.equal(topology.endpointAt('10.0.0.1', 8080)?.ready, true);
  });

  test('keeps every port it had, in whatever order pod and endpoints go', () => {
    for (const podFirst of [true, false]) {
      const { topology, setPod, setSlice } = startTopology();
      setPod(pod('web-1', '10.0.0.1'));
      setSlice(slice('a', 8080, [endpoint('10.0.0.1', 'web-1')]));
      setSlice(slice('b', 9090, [endpoint('10.0.0.1', 'web-1')]));
      topology.removeEndpointSlice(ref('a'));
      if (podFirst) topology.removePod(ref('web-1'));
      topology.removeEndpointSlice(ref('b'));
      topology.removePod(ref('web-1'));
      const pods = [8080, 9090].map((port) => topology.endpointAt('10.0.0.1', port)?.pod);
      assert.deepEqual([topology.podAt('10.0.0.1')?.name, ...pods], ['web-1', 'web-1', 'web-1']);
    }
  });

  test('does not inherit what another pod left there, though its slice comes late', () => {
    const { topology, setPod, setSlice } = startTopology();
    setSlice(slice('web', 8080, [endpoint('10.0.0.1', 'web-1')]));
    setPod(pod('new', '10.0.0.1'));
    topology.removeEndpointSlice(ref('web'));
    topology.removePod(ref('new'));
    assert.equal(topology.podAt('10.0.0.1')?.name, 'new');
    assert.equal(topology.endpointAt('10.0.0.1', 8080), undefined);
  });

  test('what another slice still says has not left', () => {
    const { topology, setSlice } = startTopology();
    setSlice(slice('a', 8080, [endpoint('10.0.0.1', 'web-1')]));
    setSlice(slice('b', 8080, [endpoint('10.0.0.1', 'web-1')]));
    topology.removeEndpointSlice(ref('a'));
    assert.equal(topology.endpointAt('10.0.0.1', 8080)?.ready, true);
  });
});

describe('a Service that is gone', () => {
  const web = service('web', {
    clusterIP: '10.108.0.9',
    externalIPs: ['192.0.2.1'],
    ports: [{ name: 'web', port: 80, nodePort: 30080 }],
  });
  const named = (name: string, port: number) => ({ namespace: 'shop', name, port });

  test('keeps its addresses and node port for ten minutes, and nothing else', () => {
    const { topology, passMs, setService, setSlice } = startTopology();
    setService(web);
    setSlice(slice('web-x', 8080, [endpoint('10.0.0.1', 'web-1')], labelled('web')));
    assert.equal(topology.backendChoice(named('web', 80), false)?.endpoints.length, 1);
    topology.removeService(ref('web'));
    passMs(10 * MINUTE - 1);
    for (const ip of ['10.108.0.9', '192.0.2.1']) {
      assert.deepEqual(topology.serviceAt(ip, 80), named('web', 80), ip);
      assert.equal(topology.serviceAt(ip, 81), undefined, ip);
    }
    assert.deepEqual(topology.serviceAtNodePort('127.0.0.1', 30080), named('web', 80));
    assert.equal(topology.serviceAtNodePort('10.0.0.1', 30080), undefined, 'no address of a node');
    assert.deepEqual([...topology.services()], []);
    assert.equal(topology.backendChoice(named('web', 80), false), undefined);
    passMs(1);
    assert.equal(topology.serviceAt('10.108.0.9', 80), undefined);
    assert.equal(topology.serviceAtNodePort('127.0.0.1', 30080), undefined);
  });

  test('loses them at once to another, which keeps them in turn', () => {
    const { topology, setService } = startTopology();
    setService(web);
    topology.removeService(ref('web'));
    setService(service('next', { clusterIP: '10.108.0.9', ports: [{ port: 80, nodePort: 30080 }] }));
    assert.equal(topology.serviceAt('10.108.0.9', 80)?.name, 'next');
    assert.equal(topology.serviceAtNodePort('127.0.0.1', 30080)?.name, 'next');
    assert.equal(topology.serviceAt('192.0.2.1', 80)?.name, 'web', 'nobody took this one');
    topology.removeService(ref('next'));
    assert.equal(topology.serviceAt('10.108.0.9', 80)?.name, 'next');
    assert.equal(topology.serviceAtNodePort('127.0.0.1', 30080)?.name, 'next');
  });

  test('or that moved, keeps the old address beside the new one', () => {
    const { topology, setService } = startTopology();
    setService(web);
    setService(service('web', { clusterIP: '10.108.0.10', ports: [{ port: 81 }] }));
    assert.deepEqual(topology.serviceAt('10.108.0.9', 80), named('web', 80));
    assert.deepEqual(topology.serviceAt('10.108.0.10', 81), named('web', 81));
    assert.equal(topology.serviceAt('10.108.0.10', 80), undefined);
  });

  test('gives a shared address to the one that still claims it', () => {
    const { topology, setService } = startTopology();
    setService(web);
    setService(service('also', { externalIPs: ['192.0.2.1'], ports: [{ port: 80 }] }));
    topology.removeService(ref('web'));
    assert.equal(topology.serviceAt('192.0.2.1', 80)?.name, 'also');
  });
});

test('of what is kept there are 10,000 addresses of pods at most, and of Services', () => {
  const departed = new DepartedNames(() => 0);
  for (let i = 0; i <= 10_000; i++) {
    departed.podLeft(`${i}`, name('x'));
    departed.serviceLeft(`${i}`, 80, { namespace: 'shop', name: 'x', port: 80 });
    departed.nodePortLeft(i, { namespace: 'shop', name: 'x', port: 80 });
  }
  for (const find of [
    (i: number) => departed.podAt(`${i}`),
    (i: number) => departed.serviceAt(`${i}`, 80),
    (i: number) => departed.serviceAtNodePort(i),
  ]) {
    assert.deepEqual([find(0), find(1)?.name, find(10_000)?.name], [undefined, 'x', 'x']);
  }
});
