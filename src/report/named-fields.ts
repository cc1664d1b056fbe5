import { definedFields } from '../lib/defined-fields.ts';
import type { NamedBackend, NamedClient, NamedService } from '../model/named-finding.ts';

/*
 * Clients, Services, backends and times as every JSON of ours shows them: the log, `replay --json`, `audit --json`.
 * What is not known is left out.
 */

export interface ClientFields {
  readonly ip: string;
  readonly port: number;
  readonly namespace?: string;
  readonly pod?: string;
  readonly workload?: string;
}

export interface ServiceFields {
  readonly namespace?: string;
  readonly name?: string;
  readonly ip: string;
  /** The Service's port. */
  readonly port: number;
  /** The port the client connected to, if it is another one: a node port. */
  readonly connected_port?: number;
}

export interface BackendFields {
  readonly ip: string;
  readonly port: number;
  readonly namespace?: string;
  readonly pod?: string;
  readonly node?: string;
  readonly ready?: boolean;
}

export function clientFields({ ip, port, namespace, pod, workload }: NamedClient): ClientFields {
  return definedFields({ ip, port, namespace, pod, workload }) as ClientFields;
}

export function serviceFields(service: NamedService): ServiceFields {
  const { known, ip, port, servicePort } = service;
  return definedFields({
    namespace: known ? service.namespace : undefined,
    name: known ? service.name : undefined,
    ip,
    port: servicePort,
    connected_port: port === servicePort ? undefined : port,
  }) as ServiceFields;
}

export function backendFields({ ip, port, namespace, pod, node, ready }: NamedBackend): BackendFields {
  return definedFields({ ip, port, namespace, pod, node, ready }) as BackendFields;
}

export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Three decimals are kept: verdicts come within microseconds; the noise of floating point is not. */
export function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
