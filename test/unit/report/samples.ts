import type { FlowEvent } from '../../../src/model/flow-event.ts';
import type { NamedEntryLost, NamedPickup, NamedService } from '../../../src/model/named-finding.ts';
import { READY_CONDITIONS } from '../../../src/report/metric-table.ts';
import { createMetrics, type Metrics } from '../../../src/report/metrics.ts';
import type { Readings } from '../../../src/report/readings.ts';

/** 2026-03-01T12:00:00.000Z */
export const NOON_MS = 1_772_366_400_000;

export const redis: NamedService = {
  namespace: 'shop',
  name: 'redis',
  ip: '10.96.0.10',
  port: 6379,
  servicePort: 6379,
  known: true,
};

export const stranger = (ip: string, port: number): NamedService => ({
  namespace: '',
  name: ip,
  ip,
  port,
  servicePort: port,
  known: false,
});

const original = { src: '10.244.1.7', sport: 40_000, dst: '10.96.0.10', dport: 6379 };
const replyFrom = (src: string) => ({ src, sport: 8080, dst: '10.244.1.7', dport: 40_000 });

const event = (fields: Partial<FlowEvent>): FlowEvent => ({
  type: 'new',
  atMs: NOON_MS,
  protocol: 6,
  zone: 0,
  original,
  reply: replyFrom('10.244.0.2'),
  tcpState: 'ESTABLISHED',
  seenReply: false,
  assured: false,
  dstNat: true,
  status: 0x1a8,
  timeoutSeconds: undefined,
  id: undefined,
  portId: 0,
  ...fields,
});

export const destroyed = (fields: Partial<FlowEvent> = {}): FlowEvent =>
  event({ type: 'destroy', seenReply: true, assured: true, status: 0x3ae, id: 7, ...fields });

/** A connection that timed out after 3 s and was reset by its new backend. Everything is known. */
export const pickup = (fields: Partial<NamedPickup> = {}): NamedPickup => ({
  kind: 'pickup',
  connection: { zone: 0, ...original },
  translated: true,
  verdict: 'reset',
  mapping: 'backend_changed',
  sender: 'client',
  cause: 'timeout',
  broken: true,
  client: {
    ip: '10.244.1.7',
    port: 40_000,
    namespace: 'shop',
    pod: 'checkout-5d8f-x2x',
    workload: 'Deployment/checkout',
  },
  service: redis,
  oldBackend: {
    ip: '10.244.0.2',
    port: 8080,
    namespace: 'shop',
    pod: 'redis-0',
    node: 'node-2',
    ready: true,
  },
  newBackend: {
    ip: '10.244.0.3',
    port: 8080,
    namespace: 'shop',
    pod: 'redis-1',
    node: 'node-3',
    ready: false,
  },
  lostAtMs: NOON_MS,
  pickedUpAtMs: NOON_MS + 1500.25,
  verdictAfterMs: 0.0419921875,
  idleSeconds: 3,
  evidence: [
    destroyed(),
    event({ atMs: NOON_MS + 1500.25, reply: replyFrom('10.244.0.3'), timeoutSeconds: 300, id: 7 }),
    event({
      type: 'destroy',
      atMs: NOON_MS + 1500.3,
      reply: replyFrom('10.244.0.3'),
      tcpState: 'CLOSE',
      status: 0x3a8,
      timeoutSeconds: 10,
      id: 7,
    }),
  ],
  ...fields,
});

export const entryLost = (fields: Partial<NamedEntryLost> = {}): NamedEntryLost => {
  const { connection, client, service } = pickup();
  return {
    kind: 'entry_lost',
    connection,
    translated: true,
    cause: 'timeout',
    atMs: NOON_MS,
    tcpState: 'ESTABLISHED',
    client,
    service,
    ...fields,
  };
};

/** The entry of `pickup()` as a snapshot had it 12 s before the pickup. */
export const seenInSnapshot = (fields: Partial<FlowEvent> = {}): FlowEvent =>
  event({
    type: 'snapshot',
    atMs: NOON_MS + 1500.25 - 12_000,
    seenReply: true,
    assured: true,
    dstNat: undefined,
    status: undefined,
    timeoutSeconds: 10,
    ...fields,
  });

export const readings: Readings = {
  eventsLost: 17,
  tableEntries: 1200,
  tableLimit: 262_144,
  kernelSettings: { nf_conntrack_events: 2, nf_conntrack_tcp_loose: undefined },
  readyConditions: READY_CONDITIONS.map((name) => [name, true] as const),
  flowTables: {
    lost: { entries: 5, evictions: 0 },
    unconfirmed: { entries: 2, evictions: 1 },
    pending: { entries: 0, evictions: 0 },
    broken: { entries: 0, evictions: 0 },
    snapshot: { entries: 40, evictions: 0 },
  },
  audit: undefined,
  snapshot: {
    flows: undefined,
    durationSeconds: undefined,
    blindEntries: undefined,
    results: { complete: 0, interrupted: 0, failed: 0 },
    resyncs: { events_lost: 0, events_enabled: 0 },
  },
  kernelStats: {},
  topology: {
    synced: { services: true, endpointslices: false, pods: true },
    errors: { services: 0, endpointslices: 3, pods: 0 },
  },
  kubernetesEvents: undefined,
};

export const newMetrics = (read: () => Readings | Promise<Readings> = () => readings): Metrics =>
  createMetrics({
    version: '0.1.0',
    nodeVersion: 'v26.0.0',
    malformedReasons: ['short_payload', 'truncated_datagram'],
    read: async () => read(),
    processMetrics: false,
  });

/** Every series of one metric, the whole of it: what stands in the braces, and the value. */
export async function series(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const { body } = await metrics.expose(undefined);
  const found: Record<string, number> = {};
  for (const line of body.split('\n')) {
    const match = /^conntrack_watchdog_([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] === name) found[match[2] ?? ''] = Number(match[3]);
  }
  return found;
}
