import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseTopologyText } from '../../../src/enrich/topology-file.ts';
import { TopologyFileError } from '../../../src/enrich/topology-file-error.ts';
import type { TopologyIndex } from '../../../src/enrich/topology-index.ts';
import { endpoint, metadata, pod, service, slice } from './kubernetes-objects.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`../../fixtures/topology/${name}`, import.meta.url), 'utf8');
const PATH = '/x/y.yaml';

/** What `kubectl get` saw in the recorded cluster, asked in every way. */
function assertRecordedCluster(topology: TopologyIndex): void {
  assert.deepEqual(topology.serviceAt('10.108.33.37', 6379), {
    namespace: 'shop',
    name: 'redis',
    port: 6379,
  });
  assert.deepEqual(topology.serviceAtNodePort('172.31.250.1', 30679), {
    namespace: 'shop',
    name: 'redis-np',
    port: 6379,
  });
  assert.equal(topology.podAt('10.244.0.6')?.workload, 'StatefulSet/ledger');
  assert.equal(topology.podAt('172.31.250.1'), undefined);
  assert.equal(topology.nodeAt('172.31.250.1'), 'node-a');
  assert.deepEqual(topology.endpointAt('172.31.250.1', 16443), {
    namespace: undefined,
    pod: undefined,
    node: undefined,
    ready: true,
  });
  // The two formats were recorded with two and with three pods.
  const choice = topology.backendChoice({ namespace: 'shop', name: 'redis-np', port: 6379 }, false);
  assert.equal(choice?.affinitySeconds, 10_800);
  for (const ip of ['10.244.0.2', '10.244.0.3']) {
    assert.ok(
      choice.endpoints.some((endpoint) => endpoint.ip === ip && endpoint.port === 8080),
      ip,
    );
  }
}

describe('what kubectl prints', () => {
  test('a recorded `kubectl get services,endpointslices,pods -A -o yaml`', async () => {
    const topology = await parseTopologyText(fixture('kubectl-get.yaml'), PATH);
    assertRecordedCluster(topology);
    assert.deepEqual(topology.podAt('10.244.0.7'), {
      namespace: 'shop',
      name: 'checkout-566b9d48d8-z85gs',
      workload: 'Deployment/checkout',
      node: 'node-a',
      uid: '143df85f-f249-4425-90fb-d65ad36e03bc',
    });
    assert.deepEqual(topology.endpointAt('10.244.0.2', 8080), {
      namespace: 'shop',
      pod: 'redis-6b976b7d8b-vz4x8',
      node: 'node-a',
      ready: true,
    });
  });

  test('recorded typed lists as JSON, one after the other and as documents of YAML', async () => {
    const lists = ['services.list.json', 'endpointslices.list.json', 'pods.list.json'].map(fixture);
    assertRecordedCluster(await parseTopologyText(lists.join('\n'), PATH));
    assertRecordedCluster(await parseTopologyText(lists.join('\n---\n'), PATH));
    assertRecordedCluster(await parseTopologyText(`\uFEFF---\n${lists.join('\n---\n')}\n...\n`, PATH));
  });

  test('bare objects, empty documents and comments; other kinds are told and left out', async () => {
    const ignored: string[] = [];
    const text = `# my cluster
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: not-ours }
---
---
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: redis, creationTimestamp: 2026-11-23T06:54:15Z }
spec: { clusterIP: 10.108.33.37, ports: [{ port: 6379 }] }
---
kind: NodeList
items: [{ metadata: 7 }]
---
kind: List
items:
- kind: ConfigMap
`;
    const topology = await parseTopologyText(text, PATH, (kind) => ignored.push(kind));
    assert.equal(topology.serviceAt('10.108.33.37', 6379)?.name, 'redis');
    assert.deepEqual(ignored, ['Service', 'NodeList', 'ConfigMap']);
  });

  test('a Service with a Local policy has the endpoints of the node named', async () => {
    const spec = { internalTrafficPolicy: 'Local', ports: [{ name: 'web', port: 80 }] };
    const labels = { 'kubernetes.io/service-name': 'web' };
    const objects = [
      service('web', spec),
      slice('x', 8080, [endpoint('10.0.0.1', 'a')], { metadata: metadata('x', { labels }) }),
    ];
    const text = objects.map((object) => JSON.stringify(object)).join('\n');
    const port = { namespace: 'shop', name: 'web', port: 80 };
    for (const [node, count] of [
      ['node-a', 1],
      ['node-b', 0],
      [undefined, undefined],
    ] as const) {
      const topology = await parseTopologyText(text, PATH, undefined, node);
      assert.equal(topology.backendChoice(port, false)?.endpoints.length, count, `${node}`);
    }
  });

  test('YAML 1.1 has no say: `yes` is a name, a time is text', async () => {
    const text =
      '%YAML 1.1\n---\nkind: Service\nmetadata: {namespace: yes, name: on, creationTimestamp: 2026-11-23T06:54:15Z}\n' +
      'spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}';
    const found = (await parseTopologyText(text, PATH)).serviceAt('10.0.0.1', 80);
    assert.deepEqual(found, { namespace: 'yes', name: 'on', port: 80 });
  });
});

const aliases = (name: string) => Array.from({ length: 9 }, () => `*${name}`).join(',');
const bomb = `a: &a [1,2]\nb: &b [${aliases('a')}]\nc: &c [${aliases('b')}]\nd: [${aliases('c')}]`;
const badService = JSON.stringify(service('redis', { ports: [{ port: 'abc' }] }));
const fourGood = Array.from({ length: 4 }, (_, at) => `- ${JSON.stringify(service(`s${at}`, {}))}\n`).join(
  '',
);

/** The text, the code, and what follows `topology file /x/y.yaml`. */
const BROKEN: readonly [string, string, TopologyFileError['code'], string][] = [
  [
    'a bad port in a list in the second document',
    `---\n---\nkind: List\nitems:\n${fourGood}- ${badService}`,
    'object',
    ', document 2, items[4] (Service shop/redis): spec.ports[0].port: expected a port number, got "abc"',
  ],
  [
    'a bad port in a bare object',
    badService,
    'object',
    ', document 1 (Service shop/redis): spec.ports[0].port: expected a port number, got "abc"',
  ],
  [
    'a bad object behind a good one, both JSON',
    `{"kind":"PodList","items":[]}{"kind":"Pod","metadata":{"name":"a"}}`,
    'object',
    ', document 2 (Pod a): metadata.namespace: expected a name, got nothing',
  ],
  [
    'a name that would break the line',
    'kind: Pod\nmetadata: {namespace: "a\\nb", name: "\\u2028c"}\nspec: [1]',
    'object',
    ', document 1 (Pod a b/c): spec: expected an object, got a list',
  ],
  ['text', 'hello', 'object', ', document 1: expected a Kubernetes object, got "hello"'],
  [
    'a list of objects',
    '[{"kind": "Pod"}]',
    'object',
    ', document 1: expected a Kubernetes object, got a list',
  ],
  [
    'an object without a name',
    'kind: Pod\nmetadata: x',
    'object',
    ', document 1 (Pod): metadata: expected an object, got "x"',
  ],
  [
    'a key that is no text',
    '? [a]\n: b',
    'syntax',
    ', document 1, line 1: broken YAML: With stringKeys, all keys must be strings',
  ],
  ['an object without a kind', '{"a": 1}', 'object', ', document 1: kind: expected a name, got nothing'],
  [
    'a kind in the prototype',
    '{"__proto__": {"kind": "PodList"}}',
    'object',
    ', document 1: kind: expected a name, got nothing',
  ],
  [
    'an apiVersion that is none',
    'kind: Pod\napiVersion: 1',
    'object',
    ', document 1: apiVersion: expected text, got 1',
  ],
  [
    'items that are none',
    'kind: PodList\nitems: x',
    'object',
    ', document 1: items: expected a list, got "x"',
  ],
  [
    'an empty item',
    'kind: List\nitems: [null]',
    'object',
    ', document 1, items[0]: expected a Kubernetes object, got nothing',
  ],
  [
    'broken YAML in the second document',
    'kind: Node\n---\nkind: List\nitems:\n\t- a',
    'syntax',
    ', document 2, line 5: broken YAML: Tabs are not allowed as indentation',
  ],
  [
    'a key said twice',
    'kind: List\nkind: Pod',
    'syntax',
    ', document 1, line 2: broken YAML: Map keys must be unique',
  ],
  [
    'broken JSON',
    '{"kind": "Pod",\n "metadata": {"name" "x"}}',
    'syntax',
    ', document 1, line 2: broken JSON or YAML: Missing , or : between flow map items',
  ],
  [
    'JSON cut off',
    '{"kind": "List",\n "items": [\n {"kind": "Pod"',
    'syntax',
    ', document 1, line 3: broken JSON or YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ],
  [
    'big JSON cut off',
    `{"kind": "List", "items": [${' '.repeat(4 * 1024 * 1024)}`,
    'syntax',
    ', document 1: broken JSON: Unexpected end of JSON input',
  ],
  [
    'aliases that multiply',
    bomb,
    'syntax',
    ', document 1: broken YAML: Excessive alias count indicates a resource exhaustion attack',
  ],
  [
    'nesting without end',
    '['.repeat(50_000),
    'syntax',
    ', document 1, line 1: broken YAML: Maximum call stack size exceeded',
  ],
  ['nothing', '', 'empty', ' holds no Services, EndpointSlices or Pods'],
  ['empty documents', '# nothing\n---\n---\n', 'empty', ' holds no Services, EndpointSlices or Pods'],
  ['an empty list', 'kind: List\nitems: null', 'empty', ' holds no Services, EndpointSlices or Pods'],
  [
    'other objects only',
    'kind: List\nitems: [{kind: Node}, {kind: Endpoints}]',
    'empty',
    ' holds no Services, EndpointSlices or Pods, only 2 of other kinds',
  ],
];

describe('broken input is told in one line', () => {
  for (const [what, text, code, rest] of BROKEN) {
    test(what, async () => {
      await assert.rejects(parseTopologyText(text, PATH), (error) => {
        assert.ok(error instanceof TopologyFileError);
        assert.equal(error.message, `topology file ${PATH}${rest}`);
        assert.equal(error.code, code);
        return true;
      });
    });
  }
});

describe('whatever a file holds, it is read or refused with a TopologyFileError', () => {
  const parses = async (text: string) => {
    try {
      await parseTopologyText(text, PATH);
    } catch (error) {
      assert.ok(error instanceof TopologyFileError, String(error));
      assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
    }
  };

  test('any JSON value', () => fc.assert(fc.asyncProperty(fc.json(), parses)));

  test('any text', () => fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), parses)));

  test('good objects with any value in any place', () => {
    const objects = [
      service('s', { clusterIPs: ['10.0.0.1'], ports: [{ port: 80, nodePort: 30080 }] }),
      slice('e', 80, [
        { addresses: ['10.0.0.2'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'p' } },
      ]),
      pod('p', '10.0.0.3', {
        metadata: { ownerReferences: [{ kind: 'Job', name: 'j-29401860', controller: true }] },
      }),
    ].map((object) => JSON.stringify(object));
    return fc.assert(
      fc.asyncProperty(fc.constantFrom(...objects), fc.nat(), fc.jsonValue(), async (text, at, value) => {
        let count = 0;
        const places: string[] = [];
        JSON.parse(text, (key, inner) => places.push(key) && inner);
        const broken = JSON.parse(text, (_, inner) => (count++ === at % places.length ? value : inner));
        await parses(JSON.stringify(broken));
      }),
      { numRuns: 500 },
    );
  });
});
