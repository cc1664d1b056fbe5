import type { ApiRequest, ApiResult, SendRequest } from '../../../src/model/api-request.ts';
import type { NamedPickup } from '../../../src/model/named-finding.ts';
import { createKubernetesEvents, type KubernetesEvents } from '../../../src/report/kubernetes-events.ts';
import { createLog } from '../../../src/report/log.ts';
import { EventStore } from '../../support/event-store.ts';
import { pickup } from './samples.ts';

/** A break of the pod `shop/NAME`, whose uid is `uid-NAME`. */
export const breakOf = (name: string, fields: Partial<NamedPickup> = {}): NamedPickup =>
  pickup({ client: { ...pickup().client, pod: name, podUid: `uid-${name}` }, ...fields });

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes only when it is told to. */
function createTime() {
  let nowMs = 5000;
  const timers = new Set<Timer>();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    nowMs: () => nowMs,
    timers,
    after(ms: number, run: () => void) {
      const timer = { atMs: nowMs + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    /** Runs what is due on the way, in order, and what follows from it. */
    async passMs(ms: number) {
      const endMs = nowMs + ms;
      for (;;) {
        await turn();
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs);
        if (!next || next.atMs > endMs) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = endMs;
    },
  };
}

export const answer = (status: number, message: string, retryAfterMs?: number): ApiResult => ({
  status,
  retryAfterMs,
  message: `${status} ${message}`,
});

/** What posts Events, a store as strict as the API server in its place, and time. */
export interface EventsUnderTest extends KubernetesEvents {
  readonly store: EventStore;
  readonly sent: readonly {
    readonly request: ApiRequest;
    readonly atMs: number;
    readonly signal: AbortSignal;
  }[];
  readonly lines: readonly {
    readonly event: string;
    readonly msg: string;
    readonly [field: string]: unknown;
  }[];
  /** What the server does; at first it stores. */
  respond: SendRequest;
  readonly toStore: (request: ApiRequest) => Promise<ApiResult>;
  readonly passMs: (ms: number) => Promise<void>;
  /** Timers that are set. */
  timers(): number;
  /** How many notes were asked for. */
  notes(): number;
  /** `POST` or `PATCH`, and seconds since the first of them. */
  log(): (readonly [method: string, seconds: number])[];
  /** Which pods have an Event, and how many breaks it tells of. */
  told(): Readonly<Record<string, number>>;
}

export function createEvents(): EventsUnderTest {
  const time = createTime();
  const store = new EventStore();
  const sent: EventsUnderTest['sent'][number][] = [];
  const lines: EventsUnderTest['lines'][number][] = [];
  let notes = 0;
  const toStore = async (request: ApiRequest) => {
    const { status, message } = store.handle(request);
    return answer(status, message);
  };
  const events = createKubernetesEvents({
    send: (request, signal) => {
      sent.push({ request, atMs: time.nowMs(), signal });
      return underTest.respond(request, signal);
    },
    nowMs: time.nowMs,
    after: time.after,
    node: 'node-1',
    log: createLog({
      level: 'info',
      node: 'node-1',
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
    note: ({ client }) => {
      notes++;
      return `Connection from ${client.pod} was reset`;
    },
    random: () => 0,
  });
  const underTest: EventsUnderTest = {
    ...events,
    store,
    sent,
    lines,
    respond: toStore,
    toStore,
    passMs: time.passMs,
    timers: () => time.timers.size,
    notes: () => notes,
    log: () => sent.map(({ request, atMs }) => [request.method, (atMs - sent[0]!.atMs) / 1000]),
    told: () =>
      Object.fromEntries(store.events.map(({ regarding, series }) => [regarding.name, series?.count ?? 1])),
  };
  return underTest;
}
