import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRiskAdvice } from '../../../src/report/at-risk-advice.ts';
import { auditJson } from '../../../src/report/audit-json.ts';
import {
  auditReport,
  EVIL,
  evilFlow,
  flowAtRisk,
  ipvsFlow,
  protectedWorkload,
  protectionReport,
  slowFlow,
  strangersFlow,
} from './at-risk-samples.ts';

const textOf = (report: Parameters<typeof auditJson>[0]) => [...auditJson(report)].join('');

test('nothing at risk is a whole document', () => {
  assert.equal(
    textOf(auditReport([])),
    '{"node":"node-1","taken_at":"2026-03-01T12:00:00.000Z","service_connections":14,"connections_at_risk":0,"connections":[]}\n',
  );
});

test('a connection has all that is known, like the line of a broken one, and nothing that is not', () => {
  const { settings } = auditReport([]);
  const atRisk = [ipvsFlow(), slowFlow(), strangersFlow()];
  const { connections, ...head } = JSON.parse(textOf(auditReport(atRisk)));
  assert.deepEqual(head, {
    node: 'node-1',
    taken_at: '2026-03-01T12:00:00.000Z',
    service_connections: 14,
    connections_at_risk: 3,
  });
  const backend = {
    ip: '10.244.0.2',
    port: 8080,
    namespace: 'shop',
    pod: 'redis-0',
    node: 'node-2',
    ready: true,
  };
  assert.deepEqual(connections, [
    {
      reason: 'no_keepalive',
      client: { ip: '192.168.1.5', port: 40_000, workload: 'Node/node-1' },
      service: { namespace: 'shop', name: 'redis', ip: '192.168.1.5', port: 6379, connected_port: 30_079 },
      backend,
      idle_seconds: 840,
      expires_in_seconds: 60,
      expires_at: '2026-03-01T12:01:00.000Z',
      keepalive: { state: 'none' },
      limited_by: 'ipvs',
      timeout_seconds: 900,
      zone: 3,
      advice: atRiskAdvice(ipvsFlow(), settings),
    },
    {
      reason: 'slow_keepalive',
      client: {
        ip: '10.244.1.7',
        port: 40_000,
        namespace: 'shop',
        pod: 'checkout-5d8f-x2x',
        workload: 'Deployment/checkout',
      },
      service: { namespace: 'shop', name: 'redis', ip: '10.96.0.10', port: 6379 },
      backend,
      idle_seconds: 84_600,
      expires_in_seconds: 1800,
      expires_at: '2026-03-01T12:30:00.000Z',
      keepalive: { state: 'armed', probe_in_seconds: 9000, idle_setting_seconds: 93_600 },
      limited_by: 'conntrack',
      timeout_seconds: 86_400,
      advice: atRiskAdvice(slowFlow(), settings),
    },
    {
      reason: 'unknown',
      client: { ip: '2001:db8::7', port: 41_234 },
      service: { ip: '2001:db8::1', port: 443 },
      backend: { ip: '2001:db8:1::9', port: 8443 },
      expires_in_seconds: 5400,
      expires_at: '2026-03-01T13:30:00.000Z',
      keepalive: { state: 'unknown' },
      limited_by: 'conntrack',
      timeout_seconds: 86_400,
      advice: atRiskAdvice(strangersFlow(), settings),
    },
  ]);
});

test('names keep their characters, and none of those controls a terminal', () => {
  const text = textOf(auditReport([evilFlow()], { node: EVIL }));
  assert.match(text, /^[^\p{Cc}\u2028\u2029]*\n$/u);
  const { node, connections } = JSON.parse(text);
  assert.deepEqual([node, connections[0].client.pod, connections[0].service.name], [EVIL, EVIL, EVIL]);
});

test('many connections come in pieces', () => {
  const flow = flowAtRisk();
  let pieces = 0;
  let connections = 0;
  for (const piece of auditJson(auditReport(new Array(20_000).fill(flow)))) {
    assert.ok(piece.length < 70_000);
    pieces++;
    connections += piece.split('"reason":').length - 1;
  }
  assert.equal(connections, 20_000);
  assert.ok(pieces > 100 && pieces < 400, `${pieces} pieces`);
});

test('where entries are renewed it says which connections, those with the most first, and why not the others', () => {
  const job = protectedWorkload({
    client: { namespace: 'shop', workload: 'CronJob/report' },
    connections: 1,
  });
  const node = protectedWorkload({
    client: { namespace: undefined, workload: 'Node/node-1' },
    connections: 9,
  });
  const protection = protectionReport([job, node, protectedWorkload()]);
  const atRisk = [flowAtRisk({ unprotected: 'max_idle' }), strangersFlow()];
  const { connections, ...head } = JSON.parse(textOf(auditReport(atRisk, { protection })));
  const service = { namespace: 'shop', name: 'redis', port: 6379 };
  assert.deepEqual(head, {
    node: 'node-1',
    taken_at: '2026-03-01T12:00:00.000Z',
    service_connections: 14,
    connections_at_risk: 2,
    protected_connections: 15,
    protected: [
      { client: { workload: 'Node/node-1' }, service, connections: 9 },
      { client: { namespace: 'shop', workload: 'Deployment/checkout' }, service, connections: 5 },
      { client: { namespace: 'shop', workload: 'CronJob/report' }, service, connections: 1 },
    ],
  });
  assert.equal(connections[0].unprotected, 'max_idle');
  assert.ok(!('unprotected' in connections[1]));
  const none = JSON.parse(textOf(auditReport([], { protection: protectionReport([]) })));
  assert.deepEqual([none.protected_connections, none.protected, none.connections], [0, [], []]);
});
