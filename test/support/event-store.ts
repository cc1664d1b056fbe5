import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { statusObject } from './api-objects.ts';

/** An Event as it is stored; fields as in events.k8s.io/v1. */
export interface StoredEvent {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly regarding: { readonly namespace: string; readonly name: string; readonly uid?: string };
  readonly note: string;
  readonly reason: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
  readonly [field: string]: unknown;
}

export interface EventRequest {
  readonly method: string | undefined;
  /** `/apis/events.k8s.io/v1/namespaces/shop/events` and what follows. */
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly event?: StoredEvent;
}

/** Who may do what; an ApiServer is one. */
interface Access {
  readonly tokens: ReadonlySet<string>;
  /** `create events`, `patch events`. */
  readonly denied: ReadonlySet<string>;
}

const PATH = /^\/apis\/events\.k8s\.io\/v1\/namespaces\/([^/]+)\/events(?:\/([^/]+))?$/;
const FIELDS: readonly string[] = [
  'apiVersion',
  'kind',
  'metadata',
  'eventTime',
  'series',
  'reportingController',
  'reportingInstance',
  'action',
  'reason',
  'regarding',
  'related',
  'note',
  'type',
];
const REFERENCE: readonly string[] = ['apiVersion', 'kind', 'namespace', 'name', 'uid'];
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^([-a-z0-9.]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** The Events of an API server, which takes them as strictly as the real one: pkg/apis/core/validation/events.go. */
export class EventStore {
  readonly requests: EventRequest[] = [];
  /** Told each Event that is made or changed. */
  onChange: (event: StoredEvent) => void = () => {};
  readonly #events = new Map<string, StoredEvent>();

  static serves(path: string): boolean {
    return PATH.test(path);
  }

  get events(): StoredEvent[] {
    return [...this.#events.values()];
  }

  /** As when their hour is over. */
  expire(): void {
    this.#events.clear();
  }

  /** Answers over HTTP. */
  async answer(message: IncomingMessage, response: ServerResponse, access: Access): Promise<void> {
    const { method, headers, url } = message;
    const body = await text(message);
    const token = headers.authorization?.replace(/^Bearer /, '') ?? '';
    const verb = method === 'POST' ? 'create' : 'patch';
    const request = { method, path: url!, contentType: headers['content-type'], body };
    const { status, reason, event, ...rest } = !access.tokens.has(token)
      ? no(401, 'Unauthorized', 'Unauthorized')
      : access.denied.has(`${verb} events`)
        ? forbidden(verb, PATH.exec(url!)![1]!)
        : this.handle(request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(event ?? statusObject(status, reason, rest.message)));
  }

  /** What the server does with an allowed request. */
  handle(request: EventRequest): Answer {
    this.requests.push(request);
    const [, namespace, name] = PATH.exec(request.path) ?? [];
    const object = parse(request.body);
    if (namespace === undefined)
      return no(404, 'NotFound', 'the server could not find the requested resource');
    if (!object) return no(400, 'BadRequest', 'the body is no JSON object');
    if (request.method === 'POST' && name === undefined) return this.#create(request, namespace, object);
    if (request.method === 'PATCH' && name !== undefined)
      return this.#patch(request, `${namespace}/${name}`, object);
    return no(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }

  #create({ contentType }: EventRequest, namespace: string, event: StoredEvent): Answer {
    if (contentType !== 'application/json') return unsupported(contentType);
    const key = `${namespace}/${event.metadata?.name}`;
    if (event.metadata?.namespace !== namespace) {
      return no(400, 'BadRequest', 'the namespace of the object does not match that of the request');
    }
    const problems = [...problemsOf(event), ...problemsOfSeries(event)];
    if (problems.length > 0) return invalid(event.metadata.name, problems);
    if (this.#events.has(key)) {
      return no(409, 'AlreadyExists', `events.events.k8s.io "${event.metadata.name}" already exists`);
    }
    return this.#store(key, event, 201);
  }

  #patch({ contentType }: EventRequest, key: string, patch: StoredEvent): Answer {
    if (contentType !== 'application/merge-patch+json') return unsupported(contentType);
    const before = this.#events.get(key);
    if (!before) return no(404, 'NotFound', `events.events.k8s.io "${key.split('/')[1]}" not found`);
    const event = { ...before, ...patch };
    const changed = Object.keys(patch).filter((field) => field !== 'series');
    const problems = [
      ...changed.map((field) => `${field}: field is immutable`),
      ...problemsOf(event),
      ...problemsOfSeries(event),
    ];
    return problems.length > 0 ? invalid(before.metadata.name, problems) : this.#store(key, event, 200);
  }

  #store(key: string, event: StoredEvent, status: number): Answer {
    this.#events.set(key, event);
    this.onChange(event);
    return { status, reason: '', message: '', event };
  }
}

function problemsOf(event: StoredEvent): string[] {
  const text = (field: string) => (typeof event[field] === 'string' ? (event[field] as string) : '');
  const { metadata, regarding, related } = event;
  const unknown = [
    ...keys(event, FIELDS),
    ...keys(metadata, ['namespace', 'name']).map((key) => `metadata.${key}`),
    ...keys(regarding, REFERENCE).map((key) => `regarding.${key}`),
    ...keys(related, REFERENCE).map((key) => `related.${key}`),
  ];
  const rules: readonly (readonly [boolean, string])[] = [
    [event['apiVersion'] === 'events.k8s.io/v1' && event['kind'] === 'Event', 'apiVersion and kind'],
    [SUBDOMAIN.test(metadata.name) && metadata.name.length <= 253, 'metadata.name: no RFC 1123 subdomain'],
    [MICRO_TIME.test(text('eventTime')), 'eventTime: required, with microseconds'],
    [QUALIFIED_NAME.test(text('reportingController')), 'reportingController: no qualified name'],
    [isShort(text('reportingInstance')), 'reportingInstance: 1 to 128 characters'],
    [isShort(text('action')), 'action: 1 to 128 characters'],
    [isShort(text('reason')), 'reason: 1 to 128 characters'],
    [Buffer.byteLength(text('note')) <= 1024, 'note: can have at most 1024 bytes'],
    [['Normal', 'Warning'].includes(text('type')), 'type: Normal or Warning'],
    [regarding?.namespace === metadata.namespace, 'regarding.namespace: does not match the namespace'],
  ];
  return [
    ...unknown.map((field) => `${field}: unknown field`),
    ...rules.filter(([holds]) => !holds).map(([, problem]) => problem),
  ];
}

function problemsOfSeries({ series }: StoredEvent): string[] {
  if (series === undefined) return [];
  const { count, lastObservedTime } = series;
  return [
    ...keys(series, ['count', 'lastObservedTime']).map((key) => `series.${key}: unknown field`),
    ...(Number.isInteger(count) && count >= 2 ? [] : ['series.count: should be at least 2']),
    ...(MICRO_TIME.test(lastObservedTime) ? [] : ['series.lastObservedTime: required, with microseconds']),
  ];
}

function isShort(value: string): boolean {
  return value.length >= 1 && value.length <= 128;
}

/** The keys of an object that are not among these. */
function keys(object: unknown, known: readonly string[]): string[] {
  return Object.keys(object ?? {}).filter((key) => !known.includes(key));
}

function parse(body: string): StoredEvent | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as StoredEvent) : undefined;
  } catch {
    return undefined;
  }
}

function no(status: number, reason: string, message: string): Answer {
  return { status, reason, message };
}

function invalid(name: string, problems: readonly string[]): Answer {
  return no(422, 'Invalid', `Event.events.k8s.io "${name}" is invalid: ${problems.join(', ')}`);
}

function unsupported(contentType: string | undefined): Answer {
  return no(415, 'UnsupportedMediaType', `the body is ${contentType}`);
}

/** k8s.io/apiserver, endpoints/handlers/responsewriters/errors.go. */
function forbidden(verb: string, namespace: string): Answer {
  const who = 'User "system:serviceaccount:kube-system:watchdog"';
  const what = `cannot ${verb} resource "events" in API group "events.k8s.io" in the namespace "${namespace}"`;
  return no(403, 'Forbidden', `events.events.k8s.io is forbidden: ${who} ${what}`);
}
