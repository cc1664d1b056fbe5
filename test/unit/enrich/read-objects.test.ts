import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ObjectError } from '../../../src/enrich/fields.ts';
import { readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { readPod } from '../../../src/enrich/read-pod.ts';
import { readService } from '../../../src/enrich/read-service.ts';
import { endpoint, metadata, ownedBy, pod, service, slice } from './kubernetes-objects.ts';

const http = { name: 'http', port: 80, targetPort: 'web' };

describe('readService', () => {
  test('keeps addresses and TCP ports, nothing else', () => {
    const object = service(
      'web',
      {
        type: 'LoadBalancer',
        clusterIP: '10.108.0.9',
        clusterIPs: ['10.108.0.9', '2001:DB8:0::9'],
        externalIPs: ['192.0.2.1'],
        healthCheckNodePort: 30999,
        ports: [
          { ...http, nodePort: 30080 },
          { port: 443, protocol: 'TCP', nodePort: 0 },
          { port: 53, protocol: 'UDP', nodePort: 30053 },
        ],
        selector: { app: 'web' },
      },
      {
        metadata: metadata('web', { creationTimestamp: '2026-11-23T06:53:38Z', labels: { a: 'b' } }),
        status: {
          loadBalancer: {
            ingress: [{ ip: '198.51.100.7' }, { hostname: 'lb.example' }, { ip: '192.0.2.1' }],
          },
        },
      },
    );
    assert.deepEqual(readService(object), {
      namespace: 'shop',
      name: 'web',
      created: '2026-11-23T06:53:38',
      addresses: ['10.108.0.9', '2001:db8::9', '192.0.2.1', '198.51.100.7'],
      ports: [
        { name: 'http', port: 80, nodePort: 30080 },
        { name: '', port: 443, nodePort: undefined },
      ],
      affinitySeconds: undefined,
      localOnly: false,
    });
  });

  test('session affinity has a timeout, three hours if none is said', () => {
    const secondsOf = (sessionAffinity: unknown, sessionAffinityConfig?: unknown) =>
      readService(service('web', { sessionAffinity, sessionAffinityConfig })).affinitySeconds;
    assert.equal(secondsOf('ClientIP', { clientIP: { timeoutSeconds: 60 } }), 60);
    for (const config of [undefined, null, {}, { clientIP: null }, { clientIP: { timeoutSeconds: null } }]) {
      assert.equal(secondsOf('ClientIP', config), 10_800);
    }
    for (const none of ['None', '', undefined]) {
      assert.equal(secondsOf(none, { clientIP: { timeoutSeconds: 60 } }), undefined);
    }
  });

  test('the internal traffic policy is Local only if it says so', () => {
    const isLocal = (spec: object) => readService(service('web', { ...spec })).localOnly;
    assert.equal(isLocal({ internalTrafficPolicy: 'Local' }), true);
    for (const spec of [{}, { internalTrafficPolicy: 'Cluster' }, { externalTrafficPolicy: 'Local' }]) {
      assert.equal(isLocal(spec), false);
    }
  });

  test('a headless Service has no address', () => {
    for (const spec of [{ clusterIP: 'None', clusterIPs: ['None'] }, { clusterIP: '' }, {}]) {
      assert.deepEqual(readService(service('db', { ...spec, ports: [http] })).addresses, []);
    }
  });

  test('an ExternalName Service has neither addresses nor ports', () => {
    const spec = {
      type: 'ExternalName',
      externalName: 'x.example',
      externalIPs: ['192.0.2.1'],
      ports: [http],
      sessionAffinity: 'ClientIP',
    };
    const { addresses, ports, affinitySeconds } = readService(service('alias', spec));
    const none = { addresses: [], ports: [], affinitySeconds: undefined };
    assert.deepEqual({ addresses, ports, affinitySeconds }, none);
  });
});

describe('readEndpointSlice', () => {
  const endpointOf = (more: { [field: string]: unknown }) =>
    readEndpointSlice(slice('s', 8080, [{ addresses: ['10.244.0.2'], ...more }])).endpoints[0];
  const stateOf = (more: { [field: string]: unknown }) => endpointOf(more)?.state;

  test('keeps who is at which address and TCP port', () => {
    const ports = [
      { port: 8080 },
      { port: 53, protocol: 'UDP' },
      { port: null },
      { name: 'admin', port: 9090, protocol: 'TCP' },
    ];
    const object = slice('web-x', 0, [endpoint('10.244.0.2', 'web-1', { ready: false })], {
      metadata: metadata('web-x', { labels: { 'kubernetes.io/service-name': 'web' } }),
      ports,
    });
    assert.deepEqual(readEndpointSlice(object), {
      namespace: 'shop',
      name: 'web-x',
      service: 'web',
      ports: [
        { name: '', port: 8080 },
        { name: 'admin', port: 9090 },
      ],
      endpoints: [
        {
          ips: ['10.244.0.2'],
          state: { namespace: 'shop', pod: 'web-1', node: 'node-a', ready: false },
          serving: false,
          terminating: false,
        },
      ],
    });
  });

  test('without a label it is of no Service', () => {
    for (const labels of [undefined, null, {}, { 'kubernetes.io/service-name': '' }]) {
      assert.equal(
        readEndpointSlice(slice('s', 80, [], { metadata: metadata('s', { labels }) })).service,
        undefined,
      );
    }
  });

  const CONDITIONS: readonly [unknown, ready: boolean, serving: boolean, terminating: boolean][] = [
    [undefined, true, true, false],
    [null, true, true, false],
    [{}, true, true, false],
    [{ ready: null, serving: null, terminating: null }, true, true, false],
    [{ ready: true, serving: false }, true, false, false],
    [{ ready: false }, false, false, false],
    [{ ready: false, serving: true, terminating: true }, false, true, true],
  ];
  for (const [conditions, ready, serving, terminating] of CONDITIONS) {
    test(`conditions ${JSON.stringify(conditions)}`, () => {
      const read = endpointOf({ conditions })!;
      assert.deepEqual([read.state.ready, read.serving, read.terminating], [ready, serving, terminating]);
    });
  }

  test('an endpoint that is no pod has no name', () => {
    const nameless = { namespace: undefined, pod: undefined, node: undefined, ready: true };
    assert.deepEqual(stateOf({}), nameless);
    assert.deepEqual(stateOf({ targetRef: { kind: 'Node', name: 'node-a' } }), nameless);
  });

  test("a pod without a namespace is in the slice's", () => {
    assert.equal(stateOf({ targetRef: { kind: 'Pod', name: 'web-1' } })?.namespace, 'shop');
  });

  test('no endpoints: host names, null lists', () => {
    const named = [{ addresses: ['db.example'] }];
    assert.deepEqual(readEndpointSlice(slice('f', 80, named, { addressType: 'FQDN' })).endpoints, []);
    assert.deepEqual(readEndpointSlice(slice('n', 80, [], { endpoints: null, ports: null })).endpoints, []);
  });
});

describe('readPod', () => {
  test('keeps its addresses and those of its node', () => {
    const status = {
      podIPs: [{ ip: '10.244.0.7' }, { ip: 'FD00:0::7' }],
      hostIPs: [{ ip: '172.31.250.1' }, { ip: '2001:db8::1' }],
    };
    assert.deepEqual(readPod(pod('shell', '10.244.0.7', { status })), {
      namespace: 'shop',
      name: 'shell',
      created: '2026-11-23T06:00:00',
      workload: 'Pod/shell',
      node: 'node-a',
      ips: ['10.244.0.7', 'fd00::7'],
      nodeIps: ['172.31.250.1', '2001:db8::1'],
      deleting: false,
    });
  });

  test('keeps its uid, if it has one', () => {
    assert.equal(readPod(pod('a', undefined, { metadata: { uid: '143df85f' } })).uid, '143df85f');
    for (const metadata of [{}, { uid: '' }]) {
      assert.equal('uid' in readPod(pod('a', undefined, { metadata })), false);
    }
  });

  test('on the host network its addresses are those of the node', () => {
    const status = { podIPs: [{ ip: '172.31.250.1' }, { ip: '2001:db8::1' }] };
    const { ips, nodeIps } = readPod(pod('proxy', '172.31.250.1', { spec: { hostNetwork: true }, status }));
    assert.deepEqual({ ips, nodeIps }, { ips: [], nodeIps: ['172.31.250.1', '2001:db8::1'] });
  });

  test('without an address yet, and after its end, it owns none', () => {
    assert.deepEqual(readPod(pod('new', undefined)).ips, []);
    for (const phase of ['Succeeded', 'Failed']) {
      assert.deepEqual(readPod(pod('job', '10.244.0.9', { status: { phase } })).ips, [], phase);
    }
  });

  test('one that is told to stop says so', () => {
    const deletionTimestamp = '2026-11-23T07:00:00Z';
    assert.equal(readPod(pod('old', '10.244.0.9', { metadata: { deletionTimestamp } })).deleting, true);
  });

  const hash = (value: string) => ({ labels: { 'pod-template-hash': value } });
  const WORKLOADS: readonly [string, object, string][] = [
    [
      'a Deployment',
      { ...ownedBy('ReplicaSet', 'checkout-566b9d48d8'), ...hash('566b9d48d8') },
      'Deployment/checkout',
    ],
    ['a ReplicaSet', ownedBy('ReplicaSet', 'checkout-566b9d48d8'), 'ReplicaSet/checkout-566b9d48d8'],
    ['another hash', { ...ownedBy('ReplicaSet', 'web-5'), ...hash('6') }, 'ReplicaSet/web-5'],
    ['only a hash', { ...ownedBy('ReplicaSet', '-5'), ...hash('5') }, 'ReplicaSet/-5'],
    ['an empty hash', { ...ownedBy('ReplicaSet', 'web-'), ...hash('') }, 'ReplicaSet/web-'],
    ['a StatefulSet', ownedBy('StatefulSet', 'ledger'), 'StatefulSet/ledger'],
    ['a DaemonSet', ownedBy('DaemonSet', 'agent'), 'DaemonSet/agent'],
    ['a Job', ownedBy('Job', 'migrate-2'), 'Job/migrate-2'],
    ['a CronJob', ownedBy('Job', 'backup-daily-29401860'), 'CronJob/backup-daily'],
    ['digits only', ownedBy('Job', '-29401860'), 'Job/-29401860'],
    ['a custom kind', ownedBy('Rollout', 'web'), 'Rollout/web'],
    ['a static pod', ownedBy('Node', 'node-a'), 'Pod/p'],
    ['no owner', {}, 'Pod/p'],
    ['no controller', { ownerReferences: [{ kind: 'Job', name: 'j' }] }, 'Pod/p'],
  ];
  for (const [what, more, workload] of WORKLOADS) {
    test(`workload of ${what}: ${workload}`, () => {
      assert.equal(readPod(pod('p', undefined, { metadata: { ...more } })).workload, workload);
    });
  }
});

const WRONG: readonly [string, () => unknown, string][] = [
  ['no object', () => readPod('pod'), 'expected an object, got "pod"'],
  ['no metadata', () => readPod({}), 'metadata.namespace: expected a name, got nothing'],
  ['a list for an object', () => readPod({ metadata: [] }), 'metadata: expected an object, got a list'],
  [
    'an empty name',
    () => readPod({ metadata: { namespace: 'a', name: '' } }),
    'metadata.name: expected a name, got ""',
  ],
  [
    'a name behind a prototype',
    () => readPod({ metadata: Object.create({ namespace: 'a', name: 'b' }) }),
    'metadata.namespace: expected a name, got nothing',
  ],
  [
    'a time with an offset',
    () => readPod(pod('p', undefined, { metadata: { creationTimestamp: '2026-11-23T08:00:00+02:00' } })),
    'metadata.creationTimestamp: expected a time such as 2026-11-23T06:54:15Z, got "2026-11-23T08:00:00+02:00"',
  ],
  [
    'a uid that is a number',
    () => readPod(pod('p', undefined, { metadata: { uid: 7 } })),
    'metadata.uid: expected text, got 7',
  ],
  [
    'a label that is a number',
    () =>
      readPod(
        pod('p', undefined, {
          metadata: { ...ownedBy('ReplicaSet', 'a-5'), labels: { 'pod-template-hash': 5 } },
        }),
      ),
    'metadata.labels["pod-template-hash"]: expected text, got 5',
  ],
  [
    'an address that is none',
    () => readPod(pod('p', undefined, { status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'x'.repeat(99) }] } })),
    `status.podIPs[1].ip: expected an IP address, got "${'x'.repeat(59)}…`,
  ],
  [
    'a flag that is text',
    () => readPod(pod('p', undefined, { spec: { hostNetwork: 'true' } })),
    'spec.hostNetwork: expected true or false, got "true"',
  ],
  [
    'a condition that is text',
    () => readEndpointSlice(slice('s', 80, [endpoint('10.0.0.1', 'p', { serving: 'yes' })])),
    'endpoints[0].conditions.serving: expected true or false, got "yes"',
  ],
  [
    'an affinity without time',
    () =>
      readService(
        service('s', {
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } },
        }),
      ),
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected a whole number of seconds from 1 on, got 0',
  ],
  [
    'a port that is text',
    () => readService(service('s', { ports: [{ port: 'abc' }] })),
    'spec.ports[0].port: expected a port number, got "abc"',
  ],
  [
    'a port out of range',
    () => readService(service('s', { ports: [{ port: 80 }, { port: 80, nodePort: 65536 }] })),
    'spec.ports[1].nodePort: expected a port number, got 65536',
  ],
  [
    'ports that are no list',
    () => readService(service('s', { ports: { port: 80 } })),
    'spec.ports: expected a list, got an object',
  ],
  [
    'a pod without a name',
    () => readEndpointSlice(slice('s', 80, [endpoint('10.0.0.1', 'p'), endpoint('10.0.0.2', '')])),
    'endpoints[1].targetRef.name: expected a name, got ""',
  ],
  [
    'a slice port of zero',
    () => readEndpointSlice(slice('s', 0, [])),
    'ports[0].port: expected a port number, got 0',
  ],
];

describe('objects that are not what the API says', () => {
  for (const [what, read, message] of WRONG) {
    test(what, () => {
      assert.throws(read, (error) => error instanceof ObjectError && error.message === message);
    });
  }
});
