import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClusterTopology } from '../../../src/enrich/cluster-topology.ts';
import { DepartedNames } from '../../../src/enrich/departed-names.ts';
import { readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { readPod } from '../../../src/enrich/read-pod.ts';
import { endpoint, type Fields, pod, slice } from './kubernetes-objects.ts';

const MINUTE = 60_000;
const name = (pod: string) => ({ namespace: 'shop', name: pod, workload: `Pod/${pod}`, node: 'node-a' });
const state = (pod: string) => ({ namespace: 'shop', pod, node: 'node-a', ready: true });
const ref = (name: string) => ({ namespace: 'shop', name });

function startTopology() {
  let nowMs = 0;
  const topology = new ClusterTopology('node-a', () => nowMs);
  return {
    topology,
    passMs: (ms: number) => {
      nowMs += ms;
    },
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

  test('what another slice still says has not left', () => {
    const { topology, setSlice } = startTopology();
    setSlice(slice('a', 8080, [endpoint('10.0.0.1', 'web-1')]));
    setSlice(slice('b', 8080, [endpoint('10.0.0.1', 'web-1')]));
    topology.removeEndpointSlice(ref('a'));
    assert.equal(topology.endpointAt('10.0.0.1', 8080)?.ready, true);
  });
});

test('of too many the first to leave are forgotten first; those whose time is over go by themselves', () => {
  let nowMs = 0;
  const departed = new DepartedNames(() => nowMs, 3);
  for (const ip of ['a', 'b', 'c']) departed.podLeft(ip, name(ip));
  departed.endpointLeft('a', 80, state('a'));
  departed.podLeft('d', name('d'));
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((ip) => departed.podAt(ip)?.name),
    ['a', undefined, 'c', 'd'],
  );
  assert.equal(departed.endpointAt('a', 80)?.pod, 'a');
  assert.equal(departed.size, 3);
  nowMs = 10 * MINUTE;
  departed.podLeft('e', name('e'));
  assert.equal(departed.size, 1);
});

test('an address is bounded by count whatever happens, 10,000 by default', () => {
  const departed = new DepartedNames(() => 0);
  for (let i = 0; i < 10_500; i++) departed.podLeft(`${i}`, name('x'));
  assert.equal(departed.size, 10_000);
});
