import { definedFields } from '../lib/defined-fields.ts';
import { atRiskLine } from './at-risk-line.ts';
import type { AuditReport } from './audit-report.ts';
import { isoTime } from './named-fields.ts';
import type { ProtectedWorkload, ProtectionReport } from './protection-report.ts';
import { safeJson } from './safe-json.ts';
import { textChunks } from './text-chunks.ts';

/**
 * One JSON document on one line, in pieces to be written one after another, as there may be 250,000 connections:
 * `{"node", "taken_at", "service_connections", "connections_at_risk", "connections": [AtRiskLine, ...]}`, the soonest
 * to expire first. Where entries are renewed also `"protected_connections"` and `"protected": [{"client", "service",
 * "connections"}, ...]`, those with the most first.
 */
export function auditJson(report: AuditReport): Iterable<string> {
  return textChunks(pieces(report));
}

function* pieces(report: AuditReport): Generator<string, void> {
  const head = safeJson({
    node: report.node,
    taken_at: isoTime(report.takenAtMs),
    service_connections: report.flows,
    connections_at_risk: report.total,
  });
  yield head.slice(0, -1);
  if (report.protection) yield* protectedPieces(report.protection);
  yield ',"connections":[';
  let separator = '';
  for (const flow of report.atRisk) {
    yield separator + safeJson(atRiskLine(flow, report));
    separator = ',';
  }
  yield ']}\n';
}

function* protectedPieces({ connections, workloads }: ProtectionReport): Generator<string, void> {
  yield `,"protected_connections":${connections},"protected":[`;
  let separator = '';
  for (const workload of workloads) {
    yield separator + safeJson(protectedLine(workload));
    separator = ',';
  }
  yield ']';
}

function protectedLine({ client, service, connections }: ProtectedWorkload) {
  const { namespace, workload } = client;
  return {
    client: definedFields({ namespace, workload }),
    service: { namespace: service.namespace, name: service.name, port: service.servicePort },
    connections,
  };
}
