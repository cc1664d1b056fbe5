import type { NamedFlowAtRisk } from '../../../src/model/at-risk.ts';
import type { AuditReport } from '../../../src/report/audit-report.ts';
import {
  largestFirst,
  type ProtectedWorkload,
  type ProtectionReport,
  sumOfConnections,
} from '../../../src/report/protection-report.ts';
import { NOON_MS, pickup, redis, stranger } from './samples.ts';

/** A connection without keepalive that goes in 5 minutes. Everything is known. */
export const flowAtRisk = (fields: Partial<NamedFlowAtRisk> = {}): NamedFlowAtRisk => {
  const { connection, client, service, oldBackend } = pickup();
  return {
    connection,
    client,
    service,
    backend: oldBackend!,
    reason: 'no_keepalive',
    keepalive: { state: 'none' },
    idleSeconds: 86_100.25,
    expiresInSeconds: 300,
    timeoutSeconds: 86_400,
    limitedBy: 'conntrack',
    ...fields,
  };
};

/** Its first probe comes 7200 s too late. */
export const slowFlow = (fields: Partial<NamedFlowAtRisk> = {}) =>
  flowAtRisk({
    reason: 'slow_keepalive',
    keepalive: { state: 'armed', probeInSeconds: 9000, idleSetting: 93_600 },
    idleSeconds: 84_600,
    expiresInSeconds: 1800,
    ...fields,
  });

/** Nothing is known of it but addresses. */
export const strangersFlow = () =>
  flowAtRisk({
    client: { ip: '2001:db8::7', port: 41_234, namespace: undefined, pod: undefined, workload: undefined },
    service: stranger('2001:db8::1', 443),
    backend: {
      ip: '2001:db8:1::9',
      port: 8443,
      namespace: undefined,
      pod: undefined,
      node: undefined,
      ready: undefined,
    },
    reason: 'unknown',
    keepalive: { state: 'unknown' },
    idleSeconds: undefined,
    expiresInSeconds: 5400,
  });

/** From the node itself to a node port, in a zone, through IPVS. */
export const ipvsFlow = () => {
  const { connection, client } = flowAtRisk();
  return flowAtRisk({
    connection: { ...connection, zone: 3 },
    client: {
      ...client,
      ip: '192.168.1.5',
      namespace: undefined,
      pod: undefined,
      workload: 'Node/node-1',
    },
    service: { ...redis, ip: '192.168.1.5', port: 30_079 },
    idleSeconds: 840,
    expiresInSeconds: 60.0004,
    timeoutSeconds: 900,
    limitedBy: 'ipvs',
  });
};

/** Every kind of text that must not reach a terminal: escapes of 7 and 8 bits, line ends, a change of direction. */
export const EVIL = '\u001b[2J\r\nx\u0085\u009b31m\u007f\u2028\u202ey';

export const evilFlow = () => {
  const { client, service, backend } = flowAtRisk();
  return flowAtRisk({
    client: { ...client, namespace: EVIL, pod: EVIL, workload: `Job/${EVIL}` },
    service: { ...service, namespace: EVIL, name: EVIL },
    backend: { ...backend, namespace: EVIL, pod: EVIL, node: EVIL },
  });
};

export const WEEK_SECONDS = 604_800;

/** Connections of checkout to redis. */
export const protectedWorkload = (fields: Partial<ProtectedWorkload> = {}): ProtectedWorkload => ({
  service: redis,
  client: { namespace: 'shop', workload: 'Deployment/checkout' },
  connections: 5,
  ...fields,
});

export const protectionReport = (
  workloads: readonly ProtectedWorkload[],
  limit = Number.POSITIVE_INFINITY,
): ProtectionReport => ({
  connections: sumOfConnections(workloads),
  maxIdleSeconds: WEEK_SECONDS,
  workloads: largestFirst(workloads, limit),
});

export const auditReport = (
  atRisk: readonly NamedFlowAtRisk[],
  fields: Partial<AuditReport> = {},
): AuditReport => ({
  node: 'node-1',
  takenAtMs: NOON_MS,
  flows: 14,
  total: atRisk.length,
  unknown: atRisk.filter(({ reason }) => reason === 'unknown').length,
  atRisk,
  settings: { nf_conntrack_tcp_timeout_established: 86_400 },
  ...fields,
});
