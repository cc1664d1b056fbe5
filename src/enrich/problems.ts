import type { Resource, ResourceName } from './resources.ts';

/** What keeps us from knowing the cluster. */
export interface ClusterProblem {
  readonly resource: ResourceName;
  readonly verb: 'list' | 'watch' | 'read';
  /** `list endpointslices.discovery.k8s.io`. */
  readonly what: string;
  /** One line. */
  readonly reason: string;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;
}

/** A problem that comes and goes is told again after this long. */
const TELL_AGAIN_MS = 600_000;
/** So many different ones are told in that time, should the reasons be others each time. */
const MAX_TOLD = 10;

/** Problems of one resource, each told when it begins and when it changes, not each time it is met. */
export class Problems {
  readonly #resource: Resource;
  readonly #nowMs: () => number;
  readonly #tell: (problem: ClusterProblem) => void;
  /** When each was told, of those told lately. */
  readonly #toldAtMs = new Map<string, number>();
  /** What fails now, and whether that was told. */
  #lasting: { readonly key: string; readonly isTold: boolean } | undefined;
  /** Something was told, and has not ended. */
  #isKnown = false;

  constructor(resource: Resource, nowMs: () => number, tell: (problem: ClusterProblem) => void) {
    this.#resource = resource;
    this.#nowMs = nowMs;
    this.#tell = tell;
  }

  /** A request failed. A status says what changed; a proxy writes another text each time. */
  failed(verb: 'list' | 'watch', reason: string, status: number | undefined): void {
    const key = `${verb} ${status ?? reason}`;
    if (this.#lasting?.key === key && this.#lasting.isTold) return;
    const isTold = this.#say(key, verb, reason, status);
    this.#lasting = { key, isTold };
    this.#isKnown ||= isTold;
  }

  /** An object made no sense. Which one is told of the first; there may be many. */
  malformed(reason: string): void {
    this.#say('read', 'read', reason, undefined);
  }

  /** Requests work. Returns whether a problem that was told ends by that. */
  worked(): boolean {
    const ends = this.#isKnown;
    this.#lasting = undefined;
    this.#isKnown = false;
    return ends;
  }

  /** Returns whether it was told. */
  #say(key: string, verb: ClusterProblem['verb'], reason: string, status: number | undefined): boolean {
    const nowMs = this.#nowMs();
    for (const [old, atMs] of this.#toldAtMs) {
      if (nowMs - atMs >= TELL_AGAIN_MS) this.#toldAtMs.delete(old);
    }
    if (this.#toldAtMs.has(key) || this.#toldAtMs.size >= MAX_TOLD) return false;
    this.#toldAtMs.set(key, nowMs);
    const { name, apiName } = this.#resource;
    this.#tell({ resource: name, verb, what: `${verb} ${apiName}`, reason, status });
    return true;
  }
}
