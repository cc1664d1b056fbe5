import { cutUtf8 } from '../lib/cut-utf8.ts';
import type { ApiRequest } from '../model/api-request.ts';
import type { NamedClient, NamedPickup } from '../model/named-finding.ts';

/** The `reportingController`: a qualified name; the DaemonSet and all else in deploy/ have the same. */
const CONTROLLER = 'conntrack-watchdog';

/** Limits of the API server: pkg/apis/core/validation/events.go, and names of objects (RFC 1123 subdomain). */
const MAX_INSTANCE = 128;
const MAX_NOTE_BYTES = 1024;
const MAX_NAME = 253;

export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What does not change in a series of breaks: those of one pod, one Service, one cause, one outcome. */
export interface EventSubject {
  /** metadata.name of the Event. */
  readonly name: string;
  readonly pod: PodRef;
  /** Undefined if no Service is known for the address. */
  readonly service: { readonly namespace: string; readonly name: string } | undefined;
  readonly note: string;
  /** The first break, epoch milliseconds. */
  readonly firstAtMs: number;
}

/** How often it happened, and when last, epoch milliseconds. */
export interface EventCount {
  readonly count: number;
  readonly lastAtMs: number;
}

/** The client, if it is a pod; undefined otherwise. Without its uid `kubectl describe pod` would not find the Event. */
export function podOf({ namespace, pod: name, podUid: uid }: NamedClient): PodRef | undefined {
  if (namespace === undefined || name === undefined || uid === undefined) return undefined;
  return { namespace, name, uid };
}

/** What a break has in common with the others of its series. */
export function seriesKey({ uid }: PodRef, { service, cause, verdict }: NamedPickup): string {
  return `${uid} ${service.namespace}/${service.name}:${service.servicePort} ${cause} ${verdict}`;
}

/** `sequence` tells apart what happens in one millisecond. */
export function subjectOf(
  pod: PodRef,
  { service, pickedUpAtMs: firstAtMs }: NamedPickup,
  note: string,
  sequence: number,
): EventSubject {
  return {
    name: eventName(pod.name, firstAtMs, sequence),
    pod,
    service: service.known ? { namespace: service.namespace, name: service.name } : undefined,
    note: cutUtf8(note, MAX_NOTE_BYTES),
    firstAtMs,
  };
}

/**
 * As client-go names Events: the object's name and the time in nanoseconds, hexadecimal (tools/record/util,
 * GenerateEventName). A name that would be too long is cut.
 */
function eventName(pod: string, atMs: number, sequence: number): string {
  const nanoseconds = BigInt(Math.trunc(atMs)) * 1_000_000n + BigInt(sequence % 1_000_000);
  const suffix = `.${nanoseconds.toString(16)}`;
  return pod.slice(0, MAX_NAME - suffix.length).replace(/[-.]+$/, '') + suffix;
}

/** Makes the Event, its series included if it happened more than once already. */
export function createRequest(
  subject: EventSubject,
  { count, lastAtMs }: EventCount,
  node: string,
): ApiRequest {
  const { name, pod, service, note, firstAtMs } = subject;
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: pod.namespace, name },
    eventTime: microTime(firstAtMs),
    reportingController: CONTROLLER,
    reportingInstance: node.slice(0, MAX_INSTANCE),
    action: 'ConnectionBroken',
    reason: 'ConntrackConnectionBroken',
    type: 'Warning',
    regarding: { apiVersion: 'v1', kind: 'Pod', ...pod },
    ...(service && { related: { apiVersion: 'v1', kind: 'Service', ...service } }),
    note,
    ...(count > 1 && { series: series(count, lastAtMs) }),
  };
  return {
    method: 'POST',
    path: eventsPath(pod.namespace),
    contentType: 'application/json',
    body: JSON.stringify(event),
  };
}

/** Sets the series of an Event that is there; nothing else of it may change. The count has to be 2 or more. */
export function updateRequest({ name, pod }: EventSubject, { count, lastAtMs }: EventCount): ApiRequest {
  return {
    method: 'PATCH',
    path: `${eventsPath(pod.namespace)}/${encodeURIComponent(name)}`,
    contentType: 'application/merge-patch+json',
    body: JSON.stringify({ series: series(count, lastAtMs) }),
  };
}

function series(count: number, lastAtMs: number) {
  return { count, lastObservedTime: microTime(lastAtMs) };
}

function eventsPath(namespace: string): string {
  return `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`;
}

/** metav1.MicroTime: RFC 3339 with six decimals, `2026-03-01T12:00:01.500250Z`. */
function microTime(epochMs: number): string {
  const whole = Math.floor(epochMs);
  const microseconds = Math.floor((epochMs - whole) * 1000);
  return new Date(whole).toISOString().replace('Z', `${String(microseconds).padStart(3, '0')}Z`);
}
