import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { chooseEndpoint } from '../../../src/enrich/choose.ts';
import { refKey } from '../../../src/enrich/metadata.ts';
import { type EndpointSliceRecord, readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { SliceStore } from '../../../src/enrich/slice-store.ts';
import { endpoint, metadata, slice } from './kubernetes-objects.ts';

const IPS = ['10.0.0.1', '10.0.0.2', 'fd00::1'];
const PORTS = [80, 443];
const SERVICES = ['web', 'db'];

/** A slice of `web` with these pods, each at one address. */
function webSlice(name: string, pods: readonly (readonly [ip: string, pod: string])[], port = 80) {
  const endpoints = pods.map(([ip, pod]) => endpoint(ip, pod));
  const labels = { 'kubernetes.io/service-name': 'web' };
  return readEndpointSlice(slice(name, port, endpoints, { metadata: metadata(name, { labels }) }));
}

const endpointRecord = fc.record({
  ips: fc.array(fc.constantFrom(...IPS), { maxLength: 2 }),
  state: fc.record({
    namespace: fc.constantFrom('shop', undefined),
    pod: fc.constantFrom('a', 'b', undefined),
    node: fc.constantFrom('node-a', undefined),
    ready: fc.boolean(),
  }),
  serving: fc.boolean(),
  terminating: fc.boolean(),
});
const record: fc.Arbitrary<EndpointSliceRecord> = fc.record({
  namespace: fc.constant('shop'),
  name: fc.constantFrom('x', 'y', 'z'),
  service: fc.constantFrom(...SERVICES, undefined),
  ports: fc.uniqueArray(
    fc.constantFrom(...PORTS).map((port) => ({ name: '', port })),
    {
      selector: ({ port }) => port,
    },
  ),
  endpoints: fc.array(endpointRecord, { maxLength: 3 }),
});
const change = fc.record({ record, isRemoved: fc.boolean() });

/** What the slices say of an address and port, those heard of last at the end. */
function answerOf(slices: readonly EndpointSliceRecord[], ip: string, port: number) {
  const claims = slices
    .filter(({ ports }) => ports.some((each) => each.port === port))
    .flatMap(({ endpoints }) =>
      endpoints.flatMap(({ ips, state }) => ips.filter((each) => each === ip).map(() => state)),
    );
  return claims.length === 0 ? undefined : chooseEndpoint(claims);
}

describe('SliceStore', () => {
  test('after any changes it says what the slices that are left say', () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const vacant = new Set<string>();
        const store = new SliceStore((ip, port) => vacant.add(`${ip} ${port}`));
        let slices: readonly EndpointSliceRecord[] = [];
        for (const { record, isRemoved } of changes) {
          const before = slices;
          const others = slices.filter(({ name }) => name !== record.name);
          slices = isRemoved ? others : [...others, record];
          vacant.clear();
          const services = new Set(isRemoved ? store.remove(record) : store.set(record));
          const touched = [...before, record].filter(
            ({ name, service }, i) =>
              name === record.name && service !== undefined && !(isRemoved && i === before.length),
          );
          assert.deepEqual(
            services,
            new Set(touched.map(({ service }) => refKey({ namespace: 'shop', name: service! }))),
          );
          for (const ip of IPS) {
            for (const port of PORTS) {
              const answer = answerOf(slices, ip, port);
              assert.deepEqual(store.at(ip, port), answer, `${ip} ${port}`);
              const isLeft = answer === undefined && answerOf(before, ip, port) !== undefined;
              assert.equal(vacant.has(`${ip} ${port}`), isLeft, `${ip} ${port} is vacant`);
            }
          }
          for (const name of SERVICES) {
            const kept = store.ofService(refKey({ namespace: 'shop', name }));
            const own = slices.filter(({ service }) => service === name);
            assert.equal(kept.length, own.length);
            const addresses = (of: readonly string[]) => of.toSorted();
            assert.deepEqual(
              addresses(kept.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip))),
              addresses(own.flatMap(({ endpoints }) => endpoints.flatMap(({ ips }) => ips))),
            );
          }
        }
      }),
    );
  });

  test('what did not change in a slice stays the same object, so that a change makes no garbage of the rest', () => {
    const store = new SliceStore();
    const web = refKey({ namespace: 'shop', name: 'web' });
    store.set(
      webSlice('x', [
        ['10.0.0.1', 'a'],
        ['10.0.0.2', 'b'],
      ]),
    );
    const [first, second] = store.ofService(web)[0]!.endpoints;
    store.set(
      webSlice('x', [
        ['10.0.0.3', 'c'],
        ['10.0.0.2', 'b'],
        ['10.0.0.1', 'a'],
      ]),
    );
    const after = store.ofService(web)[0]!.endpoints;
    assert.equal(after[1], second);
    assert.equal(after[2], first);
    assert.deepEqual(
      after.map(({ ip, pod }) => [ip, pod]),
      [
        ['10.0.0.3', 'c'],
        ['10.0.0.2', 'b'],
        ['10.0.0.1', 'a'],
      ],
    );
  });

  test('who leaves an address is told with the last name; who is replaced there is not', () => {
    const left: unknown[] = [];
    const store = new SliceStore((...told) => left.push(told));
    store.set(
      webSlice('x', [
        ['10.0.0.1', 'a'],
        ['10.0.0.2', 'b'],
      ]),
    );
    store.set(webSlice('x', [['10.0.0.1', 'c']]));
    const gone = (pod: string) => ({ namespace: 'shop', pod, node: 'node-a', ready: true });
    assert.deepEqual(left.splice(0), [['10.0.0.2', 80, gone('b')]]);
    store.set(webSlice('x', [['10.0.0.1', 'c']], 8080));
    assert.deepEqual(left.splice(0), [['10.0.0.1', 80, gone('c')]]);
    store.remove({ namespace: 'shop', name: 'x' });
    store.remove({ namespace: 'shop', name: 'x' });
    assert.deepEqual(left, [['10.0.0.1', 8080, gone('c')]]);
  });
});
