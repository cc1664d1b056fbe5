import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine, UsageError } from '../../../src/config/parse.ts';

const environment = { env: {}, hostName: 'node-1' };
const parse = (line: string) => parseCommandLine(line.split(' '), environment);

const DEFAULTS = {
  nodeName: 'node-1',
  topology: { kind: 'none' },
  kubeconfig: undefined,
  confirmWindowMs: 2000,
  snapshotIntervalMs: 60_000,
  receiveBufferBytes: 67_108_864,
  procPath: '/proc',
  all: false,
  service: undefined,
  namespace: undefined,
  client: undefined,
  cause: undefined,
  json: false,
  color: true,
};

test('by default evidence of everything, as text', () => {
  assert.deepEqual(parse('tail'), { command: 'tail', options: DEFAULTS });
});

test('filters are read', () => {
  const line = 'tail --all --json --service shop/redis --namespace shop --client 10.0.0.1 --cause ipvs';
  const options = {
    ...DEFAULTS,
    all: true,
    json: true,
    service: { namespace: 'shop', name: 'redis' },
    namespace: 'shop',
    client: { by: 'address', ip: '10.0.0.1' },
    cause: 'ipvs',
  };
  assert.deepEqual(parse(line), { command: 'tail', options });
});

test('a client is an address, a workload as the metrics have it, or a name', () => {
  const rows = [
    ['2001:DB8:0::7', { by: 'address', ip: '2001:db8::7' }],
    ['shop/Deployment/checkout', { by: 'workload', namespace: 'shop', workload: 'Deployment/checkout' }],
    ['shop/Pod/shell', { by: 'workload', namespace: 'shop', workload: 'Pod/shell' }],
    [
      'Node/node-1.example.com',
      { by: 'workload', namespace: undefined, workload: 'Node/node-1.example.com' },
    ],
    ['shop/checkout-79d8f5c4b6-c', { by: 'name', namespace: 'shop', name: 'checkout-79d8f5c4b6-c' }],
  ] as const;
  for (const [text, client] of rows) {
    assert.deepEqual(parse(`tail --client ${text}`), { command: 'tail', options: { ...DEFAULTS, client } });
  }
});

const SERVICE = 'not a Service; allowed is NAMESPACE/NAME, such as shop/redis';
const NAMESPACE = 'not a namespace; allowed is its name, such as shop';
const CLIENT =
  'not a client; allowed is a workload such as shop/Deployment/checkout or Node/node-1, a pod such as shop/checkout-79d8f5c4b6-c, or an IP address';
const CAUSE = 'unknown; allowed is timeout, deleted, ipvs, kernel, unseen or unknown';

const REFUSED: readonly (readonly [flag: string, text: string, problem: string])[] = [
  ...['redis', 'shop/redis/6379', 'shop/', '/redis', 'shop/redis:6379', 'Shop/redis'].map(
    (text) => ['--service', text, SERVICE] as const,
  ),
  ...['Shop', 'a/b', 'a.b', 'shop-'].map((text) => ['--namespace', text, NAMESPACE] as const),
  ...['checkout', '10.0.0', '10.0.0.1:80', 'shop/deployment/checkout', 'a/B/c/d', 'Shop/checkout', '::g'].map(
    (text) => ['--client', text, CLIENT] as const,
  ),
  ...['expired', 'Timeout', 'toString'].map((text) => ['--cause', text, CAUSE] as const),
];

for (const [flag, text, problem] of REFUSED) {
  test(`refused: ${flag} ${text}`, () => {
    const message = `tail: ${flag} ${JSON.stringify(text)}: ${problem}`;
    assert.throws(
      () => parse(`tail ${flag}=${text}`),
      (error) => error instanceof UsageError && assert.equal(error.message, message) === undefined,
    );
  });
}
