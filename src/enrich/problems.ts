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

interface Told {
  readonly text: string;
  readonly atMs: number;
  lasts: boolean;
}

/** Problems of one resource, each told when it begins and when it changes, not each time it is met. */
export class Problems {
  readonly #resource: Resource;
  readonly #nowMs: () => number;
  readonly #tell: (problem: ClusterProblem) => void;
  #failing: Told | undefined;
  #malformed: Told | undefined;

  constructor(resource: Resource, nowMs: () => number, tell: (problem: ClusterProblem) => void) {
    this.#resource = resource;
    this.#nowMs = nowMs;
    this.#tell = tell;
  }

  /** A request failed. */
  failed(verb: 'list' | 'watch', reason: string, status: number | undefined): void {
    this.#failing = this.#say(this.#failing, verb, reason, `${verb} ${status} ${reason}`, status);
  }

  /** An object made no sense. Which one is told of the first; there may be many. */
  malformed(reason: string): void {
    this.#malformed = this.#say(this.#malformed, 'read', reason, '', undefined);
    this.#malformed.lasts = false;
  }

  /** Requests work. Returns whether a problem ends by that. */
  worked(): boolean {
    const ends = this.#failing?.lasts === true;
    if (this.#failing) this.#failing.lasts = false;
    return ends;
  }

  #say(
    before: Told | undefined,
    verb: ClusterProblem['verb'],
    reason: string,
    text: string,
    status: number | undefined,
  ): Told {
    const isSame = before?.text === text;
    const isFresh = before !== undefined && this.#nowMs() - before.atMs < TELL_AGAIN_MS;
    if (before && isSame && (before.lasts || isFresh)) {
      before.lasts = true;
      return before;
    }
    const { name, apiName } = this.#resource;
    this.#tell({ resource: name, verb, what: `${verb} ${apiName}`, reason, status });
    return { text, atMs: this.#nowMs(), lasts: true };
  }
}
