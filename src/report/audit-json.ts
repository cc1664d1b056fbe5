import { atRiskLine } from './at-risk-line.ts';
import type { AuditReport } from './audit-report.ts';
import { isoTime } from './named-fields.ts';
import { textChunks } from './text-chunks.ts';

/**
 * One JSON document on one line, in pieces to be written one after another, as there may be 250,000 connections:
 * `{"node", "taken_at", "service_connections", "connections_at_risk", "connections": [AtRiskLine, ...]}`, the soonest
 * to expire first.
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
  yield `${head.slice(0, -1)},"connections":[`;
  let separator = '';
  for (const flow of report.atRisk) {
    yield separator + safeJson(atRiskLine(flow, report));
    separator = ',';
  }
  yield ']}\n';
}

/** JSON leaves DEL and the C1 controls as they are; some terminals obey those. */
export function safeJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
