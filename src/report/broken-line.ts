import { definedFields } from '../lib/defined-fields.ts';
import type { Cause, Mapping, Outcome, Sender } from '../model/finding.ts';
import type { Tuple } from '../model/flow.ts';
import type { FlowEvent, TcpState } from '../model/flow-event.ts';
import type { NamedPickup } from '../model/named-finding.ts';
import { deleterPortId, portIdOf } from './loss-evidence.ts';
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

/** The fields of `event: "connection_broken"`: what is not known is left out, times are ISO 8601. */
export interface BrokenLine {
  readonly cause: Cause;
  readonly outcome: Outcome;
  readonly sender: Sender;
  readonly mapping: Mapping;
  readonly client: ClientFields;
  readonly service: ServiceFields;
  readonly old_backend?: BackendFields;
  readonly new_backend?: BackendFields;
  readonly idle_seconds?: number;
  readonly lost_at?: string;
  /** Left out, as every time is, only where a recording has no time stamps. */
  readonly picked_up_at?: string;
  readonly verdict_after_ms?: number;
  /** Cause `deleted`: the netlink port id of the program that did it, usually its pid. */
  readonly port_id?: number;
  readonly evidence: readonly BrokenEvidence[];
}

interface BrokenEvidence {
  readonly at?: string;
  readonly type: FlowEvent['type'];
  readonly state?: TcpState;
  /** The status word in hexadecimal, `0x3ae`. */
  readonly status?: string;
  readonly timeout_seconds?: number;
  readonly port_id?: number;
  readonly id?: number;
  readonly zone?: number;
  readonly original: Tuple;
  readonly reply: Tuple;
}

/** A broken connection as the log and `replay --json` show it. */
export function brokenLine(pickup: NamedPickup): BrokenLine {
  const { idleSeconds, lostAtMs } = pickup;
  return definedFields({
    cause: pickup.cause,
    outcome: pickup.verdict,
    sender: pickup.sender,
    mapping: pickup.mapping,
    client: clientFields(pickup.client),
    service: serviceFields(pickup.service),
    old_backend: pickup.oldBackend && backendFields(pickup.oldBackend),
    new_backend: pickup.newBackend && backendFields(pickup.newBackend),
    idle_seconds: idleSeconds === undefined ? undefined : thousandths(idleSeconds),
    lost_at: lostAtMs === undefined ? undefined : knownTime(lostAtMs),
    picked_up_at: knownTime(pickup.pickedUpAtMs),
    verdict_after_ms: Number.isNaN(pickup.pickedUpAtMs) ? undefined : thousandths(pickup.verdictAfterMs),
    port_id: deleterPortId(pickup),
    evidence: pickup.evidence.map(evidence),
  }) as BrokenLine;
}

function evidence(event: FlowEvent) {
  return definedFields({
    at: knownTime(event.atMs),
    type: event.type,
    state: event.tcpState,
    status: event.status === undefined ? undefined : `0x${event.status.toString(16)}`,
    timeout_seconds: event.timeoutSeconds,
    port_id: portIdOf(event),
    id: event.id,
    zone: event.zone === 0 ? undefined : event.zone,
    original: event.original,
    reply: event.reply,
  });
}

function knownTime(epochMs: number): string | undefined {
  return Number.isNaN(epochMs) ? undefined : isoTime(epochMs);
}
