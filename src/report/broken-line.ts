import { definedFields } from '../lib/defined-fields.ts';
import type { Cause, Mapping, Outcome, Sender } from '../model/finding.ts';
import type { Tuple } from '../model/flow.ts';
import type { FlowEvent, TcpState } from '../model/flow-event.ts';
import type { NamedBackend, NamedPickup, NamedService } from '../model/named-finding.ts';

/** The fields of `event: "connection_broken"`: what is not known is left out, times are ISO 8601. */
export interface BrokenLine {
  readonly cause: Cause;
  readonly outcome: Outcome;
  readonly sender: Sender;
  readonly mapping: Mapping;
  readonly client: BrokenClient;
  readonly service: BrokenService;
  readonly old_backend?: BrokenBackend;
  readonly new_backend?: BrokenBackend;
  readonly idle_seconds?: number;
  readonly lost_at?: string;
  readonly picked_up_at: string;
  readonly verdict_after_ms: number;
  /** Cause `deleted`: the netlink port id of the program that did it, usually its pid. */
  readonly port_id?: number;
  readonly evidence: readonly BrokenEvidence[];
}

interface BrokenClient {
  readonly ip: string;
  readonly port: number;
  readonly namespace?: string;
  readonly pod?: string;
  readonly workload?: string;
}

interface BrokenService {
  readonly namespace?: string;
  readonly name?: string;
  readonly ip: string;
  /** The Service's port. */
  readonly port: number;
  /** The port the client connected to, if it is another one: a node port. */
  readonly connected_port?: number;
}

interface BrokenBackend {
  readonly ip: string;
  readonly port: number;
  readonly pod?: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly ready?: boolean;
}

interface BrokenEvidence {
  readonly at: string;
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
  const { client, idleSeconds, lostAtMs } = pickup;
  return definedFields({
    cause: pickup.cause,
    outcome: pickup.verdict,
    sender: pickup.sender,
    mapping: pickup.mapping,
    client: definedFields({
      ip: client.ip,
      port: client.port,
      namespace: client.namespace,
      pod: client.pod,
      workload: client.workload,
    }),
    service: brokenService(pickup.service),
    old_backend: pickup.oldBackend && brokenBackend(pickup.oldBackend),
    new_backend: pickup.newBackend && brokenBackend(pickup.newBackend),
    idle_seconds: idleSeconds === undefined ? undefined : thousandths(idleSeconds),
    lost_at: lostAtMs === undefined ? undefined : isoTime(lostAtMs),
    picked_up_at: isoTime(pickup.pickedUpAtMs),
    verdict_after_ms: thousandths(pickup.verdictAfterMs),
    port_id: deleterPortId(pickup),
    evidence: pickup.evidence.map(evidence),
  }) as BrokenLine;
}

/** Who deleted the entry, if a program did and its event was seen. */
export function deleterPortId({ cause, evidence }: NamedPickup): number | undefined {
  if (cause !== 'deleted') return undefined;
  return evidence.find((event) => event.type === 'destroy' && event.portId !== 0)?.portId;
}

function brokenService(service: NamedService) {
  const { known, ip, port, servicePort } = service;
  return definedFields({
    namespace: known ? service.namespace : undefined,
    name: known ? service.name : undefined,
    ip,
    port: servicePort,
    connected_port: port === servicePort ? undefined : port,
  });
}

function brokenBackend({ ip, port, namespace, pod, node, ready }: NamedBackend) {
  return definedFields({ ip, port, namespace, pod, node, ready });
}

function evidence(event: FlowEvent) {
  return definedFields({
    at: isoTime(event.atMs),
    type: event.type,
    state: event.tcpState,
    status: event.status === undefined ? undefined : `0x${event.status.toString(16)}`,
    timeout_seconds: event.timeoutSeconds,
    port_id: event.portId === 0 ? undefined : event.portId,
    id: event.id,
    zone: event.zone === 0 ? undefined : event.zone,
    original: event.original,
    reply: event.reply,
  });
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Verdicts come within microseconds: three decimals of a millisecond are kept, floating-point noise is not. */
function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
