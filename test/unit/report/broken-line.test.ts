import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenLine } from '../../../src/report/broken-line.ts';
import { destroyed, pickup, seenInSnapshot, stranger } from './samples.ts';

const original = { src: '10.244.1.7', sport: 40_000, dst: '10.96.0.10', dport: 6379 };
const oldReply = { src: '10.244.0.2', sport: 8080, dst: '10.244.1.7', dport: 40_000 };
const newReply = { src: '10.244.0.3', sport: 8080, dst: '10.244.1.7', dport: 40_000 };

test('everything that is known is on the line', () => {
  assert.deepEqual(brokenLine(pickup()), {
    cause: 'timeout',
    outcome: 'reset',
    sender: 'client',
    mapping: 'backend_changed',
    client: {
      ip: '10.244.1.7',
      port: 40_000,
      namespace: 'shop',
      pod: 'checkout-5d8f-x2x',
      workload: 'Deployment/checkout',
    },
    service: { namespace: 'shop', name: 'redis', ip: '10.96.0.10', port: 6379 },
    old_backend: {
      ip: '10.244.0.2',
      port: 8080,
      namespace: 'shop',
      pod: 'redis-0',
      node: 'node-2',
      ready: true,
    },
    new_backend: {
      ip: '10.244.0.3',
      port: 8080,
      namespace: 'shop',
      pod: 'redis-1',
      node: 'node-3',
      ready: false,
    },
    idle_seconds: 3,
    lost_at: '2026-03-01T12:00:00.000Z',
    picked_up_at: '2026-03-01T12:00:01.500Z',
    verdict_after_ms: 0.042,
    evidence: [
      {
        at: '2026-03-01T12:00:00.000Z',
        type: 'destroy',
        state: 'ESTABLISHED',
        status: '0x3ae',
        id: 7,
        original,
        reply: oldReply,
      },
      {
        at: '2026-03-01T12:00:01.500Z',
        type: 'new',
        state: 'ESTABLISHED',
        status: '0x1a8',
        timeout_seconds: 300,
        id: 7,
        original,
        reply: newReply,
      },
      {
        at: '2026-03-01T12:00:01.500Z',
        type: 'destroy',
        state: 'CLOSE',
        status: '0x3a8',
        timeout_seconds: 10,
        id: 7,
        original,
        reply: newReply,
      },
    ],
  });
});

test('what is not known is left out', () => {
  const line = brokenLine(
    pickup({
      cause: 'unseen',
      client: { ip: '10.0.0.9', port: 5, namespace: undefined, pod: undefined, workload: undefined },
      service: stranger('192.0.2.1', 443),
      oldBackend: undefined,
      newBackend: {
        ip: '10.0.0.2',
        port: 80,
        namespace: undefined,
        pod: undefined,
        node: undefined,
        ready: undefined,
      },
      lostAtMs: undefined,
      idleSeconds: undefined,
      evidence: [destroyed({ status: undefined, id: undefined, tcpState: undefined })],
    }),
  );
  assert.deepEqual(line, {
    cause: 'unseen',
    outcome: 'reset',
    sender: 'client',
    mapping: 'backend_changed',
    client: { ip: '10.0.0.9', port: 5 },
    service: { ip: '192.0.2.1', port: 443 },
    new_backend: { ip: '10.0.0.2', port: 80 },
    picked_up_at: '2026-03-01T12:00:01.500Z',
    verdict_after_ms: 0.042,
    evidence: [{ at: '2026-03-01T12:00:00.000Z', type: 'destroy', original, reply: oldReply }],
  });
});

test('the line says who deleted the entry, in which zone, and through which node port', () => {
  const line = brokenLine(
    pickup({
      cause: 'deleted',
      service: { ...pickup().service, ip: '192.168.1.5', port: 30_079 },
      evidence: [destroyed({ portId: 4242, zone: 3, timeoutSeconds: 86_000 })],
    }),
  );
  assert.equal(line.port_id, 4242);
  assert.deepEqual(line.service, {
    namespace: 'shop',
    name: 'redis',
    ip: '192.168.1.5',
    port: 6379,
    connected_port: 30_079,
  });
  assert.deepEqual(line.evidence, [
    {
      at: '2026-03-01T12:00:00.000Z',
      type: 'destroy',
      state: 'ESTABLISHED',
      status: '0x3ae',
      timeout_seconds: 86_000,
      port_id: 4242,
      id: 7,
      zone: 3,
      original,
      reply: oldReply,
    },
  ]);
});

test('a port id in the evidence of another cause accuses nobody', () => {
  const line = brokenLine(pickup({ cause: 'kernel', evidence: [destroyed({ portId: 4242 })] }));
  assert.equal('port_id' in line, false);
});

test('an entry that only a snapshot had is evidence without status and port id', () => {
  const [, taken, end] = pickup().evidence;
  // Whoever deleted the new entry did not delete the old one.
  const evidence = [seenInSnapshot(), taken!, { ...end!, portId: 4242 }];
  const line = brokenLine(pickup({ cause: 'deleted', evidence }));
  assert.equal('port_id' in line, false);
  assert.deepEqual(line.evidence[0], {
    at: '2026-03-01T11:59:49.500Z',
    type: 'snapshot',
    state: 'ESTABLISHED',
    timeout_seconds: 10,
    original,
    reply: oldReply,
  });
});
