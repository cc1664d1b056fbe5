/** Lets long work be done in short turns. */
export interface Breather {
  /** To be awaited between small pieces: returns at once until the turn has been long, then lets others have theirs. */
  breathe(): Promise<void> | undefined;
}

/** `turnMs`: how long the event loop may be kept; one piece of work comes on top. */
export function createBreather(turnMs: number, nowMs: () => number): Breather {
  let begunAtMs = nowMs();
  return {
    breathe() {
      if (nowMs() - begunAtMs < turnMs) return undefined;
      return new Promise((resolve) => {
        setImmediate(() => {
          begunAtMs = nowMs();
          resolve();
        });
      });
    },
  };
}
