import { definedFields } from '../lib/defined-fields.ts';
import type { Keepalive, NamedFlowAtRisk, RiskReason } from '../model/at-risk.ts';
import type { SkipReason } from '../model/protection.ts';
import { atRiskAdvice } from './at-risk-advice.ts';
import type { AuditReport } from './audit-report.ts';
import {
  type BackendFields,
  backendFields,
  type ClientFields,
  clientFields,
  isoTime,
  type ServiceFields,
  serviceFields,
  thousandths,
} from './named-fields.ts';

/** A connection at risk in JSON: what is not known is left out, times are ISO 8601. */
export interface AtRiskLine {
  readonly reason: RiskReason;
  /** Why its entry is not renewed; left out if nothing is. */
  readonly unprotected?: SkipReason;
  readonly client: ClientFields;
  readonly service: ServiceFields;
  readonly backend: BackendFields;
  readonly idle_seconds?: number;
  readonly expires_in_seconds: number;
  readonly expires_at: string;
  readonly keepalive: {
    readonly state: Keepalive['state'];
    /** Until the earliest probe of either end. */
    readonly probe_in_seconds?: number;
    /** The least that TCP_KEEPIDLE can be. */
    readonly idle_setting_seconds?: number;
  };
  /** Whose timeout is the shortest. */
  readonly limited_by: NamedFlowAtRisk['limitedBy'];
  /** That timeout, the whole of it. */
  readonly timeout_seconds: number;
  /** The conntrack zone, if not 0. */
  readonly zone?: number;
  readonly advice: string;
}

export function atRiskLine(
  flow: NamedFlowAtRisk,
  { takenAtMs, settings }: Pick<AuditReport, 'takenAtMs' | 'settings'>,
): AtRiskLine {
  const { keepalive, idleSeconds, expiresInSeconds, connection } = flow;
  const armed = keepalive.state === 'armed' ? keepalive : undefined;
  return definedFields({
    reason: flow.reason,
    unprotected: flow.unprotected,
    client: clientFields(flow.client),
    service: serviceFields(flow.service),
    backend: backendFields(flow.backend),
    idle_seconds: idleSeconds === undefined ? undefined : thousandths(idleSeconds),
    expires_in_seconds: thousandths(expiresInSeconds),
    expires_at: isoTime(takenAtMs + expiresInSeconds * 1000),
    keepalive: definedFields({
      state: keepalive.state,
      probe_in_seconds: armed && thousandths(armed.probeInSeconds),
      idle_setting_seconds: armed && thousandths(armed.idleSetting),
    }),
    limited_by: flow.limitedBy,
    timeout_seconds: flow.timeoutSeconds,
    zone: connection.zone === 0 ? undefined : connection.zone,
    advice: atRiskAdvice(flow, settings),
  }) as AtRiskLine;
}
