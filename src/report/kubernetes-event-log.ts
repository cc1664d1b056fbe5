import type { ApiRequest } from '../model/api-request.ts';
import type { AnswerMeaning } from './kubernetes-event-answer.ts';
import type { Log } from './log.ts';

/** A problem that comes and goes is told again after this long. */
const TELL_AGAIN_MS = 600_000;

/** What keeps Events from being posted, told when it begins and when it ends, not at each try. */
export interface KubernetesEventLog {
  failed(
    meaning: Extract<AnswerMeaning, 'denied' | 'later' | 'refused'>,
    method: ApiRequest['method'],
    answer: { readonly status: number | undefined; readonly message: string },
    nowMs: number,
  ): void;
  worked(): void;
}

export function createKubernetesEventLog(log: Log): KubernetesEventLog {
  /** By verb and status, of which there are few. */
  const toldAtMs = new Map<string, number>();
  /** Verb and status of what lasts, and whether that was told. */
  let lasting: { readonly key: string; readonly isTold: boolean } | undefined;
  return {
    failed(meaning, method, { status, message }, nowMs) {
      const verb = method === 'POST' ? 'create' : 'patch';
      const key = `${verb} ${status}`;
      if (lasting?.key === key) return;
      const before = toldAtMs.get(key);
      const isTold = before === undefined || nowMs - before >= TELL_AGAIN_MS;
      if (meaning !== 'refused') lasting = { key, isTold: isTold || lasting?.isTold === true };
      if (!isTold) return;
      toldAtMs.set(key, nowMs);
      log.warn('kubernetes_events_problem', TEXTS[meaning](verb, message), {
        verb,
        resource: 'events.events.k8s.io',
        reason: message,
        ...(status !== undefined && { status }),
      });
    },
    worked() {
      if (lasting?.isTold)
        log.info('kubernetes_events_recovered', 'The API server takes Kubernetes Events again');
      lasting = undefined;
    },
  };
}

const TEXTS = {
  denied: (verb: string, reason: string) =>
    `Cannot ${verb} events.events.k8s.io: ${reason}. deploy/components/kubernetes-events gives that right; it is tried again every minute. Connections are watched all the same.`,
  later: (verb: string, reason: string) =>
    `Cannot ${verb} events.events.k8s.io: ${reason}. It is tried again for ten minutes. Connections are watched all the same.`,
  refused: (_verb: string, reason: string) =>
    `The API server does not take a Kubernetes Event, which is given up: ${reason}`,
} as const;
