import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TopologyIndex } from '../../../src/enrich/topology-index.ts';
import { endpoint, type Fields, metadata, put, service, slice } from './kubernetes-objects.ts';

const ref = (name: string) => ({ namespace: 'shop', name });
const web = (port = 80) => ({ ...ref('web'), port });
const TERMINATING = { ready: false, serving: true, terminating: true };

function webService(spec: Fields = {}): Fields {
  return service('web', { clusterIP: '10.108.0.9', ports: [{ name: 'web', port: 80 }], ...spec });
}

/** A slice of the Service `web`. */
function webSlice(name: string, endpoints: Fields[], more: Fields = {}, owner = 'web'): Fields {
  const labels = { 'kubernetes.io/service-name': owner };
  return slice(name, 8080, endpoints, { metadata: metadata(name, { labels }), ...more });
}

function onNode(node: string, ip: string, conditions?: Fields): Fields {
  return { ...endpoint(ip, `pod-${ip}`, conditions), nodeName: node };
}

function indexFor(nodeName: string | undefined, ...objects: Fields[]): TopologyIndex {
  const index = new TopologyIndex(nodeName);
  for (const object of objects) put(index, object);
  return index;
}

/** Sorted `address port`, as the order says nothing; undefined if it is not known. */
function backends(index: TopologyIndex, port = web(), v6 = false): string[] | undefined {
  return index
    .backendChoice(port, v6)
    ?.endpoints.map(({ ip, port }) => `${ip} ${port}`)
    .sort();
}

describe('the Service', () => {
  test('that nobody knows, and a port it does not have, are not known', () => {
    const slices = webSlice('x', [endpoint('10.0.0.1', 'a')]);
    assert.equal(indexFor('node-a', slices).backendChoice(web(), false), undefined);
    assert.equal(indexFor('node-a', slices, webService()).backendChoice(web(8080), false), undefined);
  });

  test('without slices has no endpoints; those of another Service or namespace are not its own', () => {
    const elsewhere = { namespace: 'blog', labels: { 'kubernetes.io/service-name': 'web' } };
    const index = indexFor(
      'node-a',
      webService(),
      slice('unowned', 8080, [endpoint('10.0.0.1', 'a')]),
      webSlice('other', [endpoint('10.0.0.2', 'b')], {}, 'web2'),
      webSlice('foreign', [endpoint('10.0.0.3', 'c')], { metadata: metadata('foreign', elsewhere) }),
    );
    assert.deepEqual(index.backendChoice(web(), false), { endpoints: [], affinitySeconds: undefined });
  });

  test('tells how long its session affinity lasts', () => {
    const clientIP = { timeoutSeconds: 600 };
    const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP } };
    const index = indexFor('node-a', webService(spec), webSlice('x', [endpoint('10.0.0.1', 'a')]));
    assert.deepEqual(index.backendChoice(web(), false), {
      endpoints: [{ ip: '10.0.0.1', port: 8080 }],
      affinitySeconds: 600,
    });
    put(index, webService());
    assert.equal(index.backendChoice(web(), false)?.affinitySeconds, undefined);
  });
});

describe('ports', () => {
  const ports = [
    { name: 'http', port: 80, targetPort: 'a' },
    { name: 'admin', port: 81, targetPort: 'b' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];

  test('are matched by name, whatever their numbers', () => {
    const slicePorts = [
      { name: 'admin', port: 80 },
      { name: 'http', port: 8080 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const endpoints = [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b')];
    const index = indexFor('node-a', webService({ ports }), webSlice('x', endpoints, { ports: slicePorts }));
    assert.deepEqual(backends(index, web(80)), ['10.0.0.1 8080', '10.0.0.2 8080']);
    assert.deepEqual(backends(index, web(81)), ['10.0.0.1 80', '10.0.0.2 80']);
    assert.equal(backends(index, web(53)), undefined);
  });

  test('of one name may differ in number from pod to pod, in slices of their own', () => {
    const index = indexFor(
      'node-a',
      webService({ ports }),
      webSlice('x', [endpoint('10.0.0.1', 'a')], { ports: [{ name: 'http', port: 8080 }] }),
      webSlice('y', [endpoint('10.0.0.2', 'b')], { ports: [{ name: 'http', port: 9090 }] }),
    );
    assert.deepEqual(backends(index), ['10.0.0.1 8080', '10.0.0.2 9090']);
    assert.deepEqual(backends(index, web(81)), []);
  });

  test('of the same name but not TCP are others', () => {
    const udp = { ports: [{ name: 'web', port: 8080, protocol: 'UDP' }] };
    assert.deepEqual(
      backends(indexFor('node-a', webService(), webSlice('x', [endpoint('10.0.0.1', 'a')], udp))),
      [],
    );
  });

  test('without a name match those without', () => {
    for (const name of [undefined, null, '']) {
      const unnamed = webService({ ports: [{ name, port: 80 }] });
      const endpoints = [endpoint('10.0.0.1', 'a')];
      for (const other of [undefined, null, '']) {
        const ports = [{ name: other, port: 8080 }];
        assert.deepEqual(backends(indexFor('node-a', unnamed, webSlice('x', endpoints, { ports }))), [
          '10.0.0.1 8080',
        ]);
      }
      assert.deepEqual(backends(indexFor('node-a', unnamed, webSlice('x', endpoints))), []);
    }
  });
});

describe('conditions', () => {
  const choose = (...all: (Fields | undefined)[]) =>
    backends(
      indexFor(
        'node-a',
        webService(),
        webSlice(
          'x',
          all.map((conditions, at) => ({ addresses: [`10.0.0.${at}`], conditions })),
        ),
      ),
    );

  test('ready endpoints have the traffic', () => {
    assert.deepEqual(choose({ ready: true }, { ready: false }, undefined, TERMINATING), [
      '10.0.0.0 8080',
      '10.0.0.2 8080',
    ]);
  });

  test('if none is ready, those have it that serve while they terminate', () => {
    const failing = { ready: false, serving: false, terminating: true };
    const starting = { ready: false, serving: false };
    assert.deepEqual(choose(failing, TERMINATING, starting), ['10.0.0.1 8080']);
    assert.deepEqual(choose({ ready: false, serving: true }), []);
    assert.deepEqual(choose({ ready: false, terminating: true }), []);
    assert.deepEqual(choose(failing, starting), []);
  });

  test('a terminating endpoint that is called ready is ready (publishNotReadyAddresses)', () => {
    assert.deepEqual(choose({ ready: true, serving: false, terminating: true }, TERMINATING), [
      '10.0.0.0 8080',
    ]);
  });
});

describe('internalTrafficPolicy Local', () => {
  const local = webService({ internalTrafficPolicy: 'Local' });

  test('leaves the endpoints of this node, and of these the ones that are ready', () => {
    const endpoints = [
      onNode('node-a', '10.0.0.1'),
      onNode('node-b', '10.0.1.1'),
      { addresses: ['10.0.2.1'] },
    ];
    assert.deepEqual(backends(indexFor('node-a', local, webSlice('x', endpoints))), ['10.0.0.1 8080']);
    assert.deepEqual(backends(indexFor('node-c', local, webSlice('x', endpoints))), []);
  });

  test('falls back to terminating endpoints of this node, though others are ready elsewhere', () => {
    const endpoints = [onNode('node-a', '10.0.0.1', TERMINATING), onNode('node-b', '10.0.1.1')];
    assert.deepEqual(backends(indexFor('node-a', local, webSlice('x', endpoints))), ['10.0.0.1 8080']);
    assert.deepEqual(backends(indexFor('node-a', webService(), webSlice('x', endpoints))), ['10.0.1.1 8080']);
  });

  test('is not known without the name of the node; Cluster is', () => {
    const slices = webSlice('x', [onNode('node-a', '10.0.0.1')]);
    assert.equal(backends(indexFor(undefined, local, slices)), undefined);
    assert.deepEqual(backends(indexFor(undefined, webService(), slices)), ['10.0.0.1 8080']);
  });
});

test('dual stack: an address of one family leads to endpoints of that family', () => {
  const index = indexFor(
    'node-a',
    webService({ clusterIPs: ['10.108.0.9', 'fd00::9'] }),
    webSlice('x4', [endpoint('10.0.0.1', 'a')]),
    webSlice('x6', [endpoint('FD01:0::1', 'a', TERMINATING)], { addressType: 'IPv6' }),
  );
  assert.deepEqual(backends(index), ['10.0.0.1 8080']);
  assert.deepEqual(backends(index, web(), true), ['fd01::1 8080']);
});

describe('an endpoint in two slices', () => {
  test('counts once, until the last of them is gone', () => {
    const twice = [webSlice('x', [endpoint('10.0.0.1', 'a')]), webSlice('y', [endpoint('10.0.0.1', 'a')])];
    const index = indexFor('node-a', webService(), ...twice);
    assert.deepEqual(backends(index), ['10.0.0.1 8080']);
    index.removeEndpointSlice(ref('x'));
    assert.deepEqual(backends(index), ['10.0.0.1 8080']);
    index.removeEndpointSlice(ref('y'));
    assert.deepEqual(backends(index), []);
  });

  test('is what the better of them says, in any order', () => {
    const pair = [
      webSlice('x', [endpoint('10.0.0.1', 'a', TERMINATING)]),
      webSlice('y', [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b')]),
    ];
    for (const slices of [pair, pair.toReversed()]) {
      const index = indexFor('node-a', webService(), ...slices);
      assert.deepEqual(backends(index), ['10.0.0.1 8080', '10.0.0.2 8080']);
    }
  });
});

test('of several addresses of one endpoint only the first is used, as in kube-proxy', () => {
  const endpoints = [{ addresses: ['10.0.0.2', '10.0.0.1'] }, { addresses: [] }];
  assert.deepEqual(backends(indexFor('node-a', webService(), webSlice('x', endpoints))), ['10.0.0.2 8080']);
});

describe('changes', () => {
  test('a slice that goes over to another Service leaves the first', () => {
    const other = service('web2', { clusterIP: '10.108.0.10', ports: [{ name: 'web', port: 80 }] });
    const index = indexFor('node-a', webService(), other, webSlice('x', [endpoint('10.0.0.1', 'a')]));
    assert.deepEqual(backends(index, { ...ref('web2'), port: 80 }), []);
    put(index, webSlice('x', [endpoint('10.0.0.1', 'a')], {}, 'web2'));
    assert.deepEqual(backends(index), []);
    assert.deepEqual(backends(index, { ...ref('web2'), port: 80 }), ['10.0.0.1 8080']);
  });

  test('a Service that goes and comes back finds its slices', () => {
    const index = indexFor('node-a', webService(), webSlice('x', [endpoint('10.0.0.1', 'a')]));
    index.removeService(ref('web'));
    assert.equal(backends(index), undefined);
    put(index, webService());
    assert.deepEqual(backends(index), ['10.0.0.1 8080']);
  });

  test('an answer is made once, and again only after a change of its own', () => {
    const index = indexFor('node-a', webService(), webSlice('x', [endpoint('10.0.0.1', 'a')]));
    const first = index.backendChoice(web(), false);
    put(index, webSlice('y', [endpoint('10.0.0.2', 'b')], {}, 'web2'));
    put(index, service('web2', { ports: [{ port: 80 }] }));
    index.removeEndpointSlice(ref('y'));
    index.removeEndpointSlice(ref('never-seen'));
    assert.equal(index.backendChoice(web(), false), first);
    put(index, webSlice('x', [endpoint('10.0.0.1', 'a')]));
    assert.notEqual(index.backendChoice(web(), false), first);
  });
});

const NAMES = ['web', 'api'] as const;
const flag = fc.option(fc.boolean(), { nil: undefined });
const portName = fc.constantFrom('http', 'admin', undefined);
const someService = fc
  .record({
    name: fc.constantFrom(...NAMES),
    ports: fc.uniqueArray(fc.record({ name: portName, port: fc.constantFrom(80, 81) }), {
      selector: ({ port }) => port,
    }),
    internalTrafficPolicy: fc.constantFrom('Local', 'Cluster', undefined),
    sessionAffinity: fc.constantFrom('ClientIP', 'None'),
  })
  .map(({ name, ...spec }) => service(name, spec));
const someEndpoint = fc
  .record({
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2'),
    node: fc.constantFrom('node-a', 'node-b'),
    conditions: fc.record({ ready: flag, serving: flag, terminating: flag }),
  })
  .map(({ ip, node, conditions }) => onNode(node, ip, conditions));
const someSlice = fc
  .record({
    name: fc.constantFrom('x', 'y', 'z'),
    owner: fc.constantFrom(...NAMES, ''),
    ports: fc.array(fc.record({ name: portName, port: fc.constantFrom(8080, 9090) }), { maxLength: 2 }),
    endpoints: fc.array(someEndpoint, { maxLength: 4 }),
  })
  .map(({ name, owner, ports, endpoints }) => webSlice(name, endpoints, { ports }, owner));
const change = fc.record({ object: fc.oneof(someService, someSlice, someSlice), remove: fc.nat(3) });

const QUESTIONS = NAMES.flatMap((name) =>
  [80, 81].flatMap((port) => [false, true].map((v6) => ({ port: { ...ref(name), port }, v6 }))),
);

/** Every answer there is. */
function answers(index: TopologyIndex): unknown[] {
  return QUESTIONS.map(({ port, v6 }) => ({
    endpoints: backends(index, port, v6),
    affinitySeconds: index.backendChoice(port, v6)?.affinitySeconds,
  }));
}

test('after any changes the answers are those of an index that saw only what is left', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const index = new TopologyIndex('node-a');
      const left = new Map<string, Fields>();
      for (const { object, remove } of changes) {
        const { name } = object['metadata'] as { name: string };
        const key = `${object['kind']} ${name}`;
        left.delete(key);
        if (remove === 0) {
          if (object['kind'] === 'Service') index.removeService(ref(name));
          else index.removeEndpointSlice(ref(name));
        } else {
          put(index, object);
          left.set(key, object);
        }
        // Asked after every change, so that each one meets answers that were kept.
        assert.deepEqual(answers(index), answers(indexFor('node-a', ...left.values())));
      }
      assert.deepEqual(answers(index), answers(indexFor('node-a', ...[...left.values()].toReversed())));
    }),
    { numRuns: 300 },
  );
});
