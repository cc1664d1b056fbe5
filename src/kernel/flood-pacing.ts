/** Faster than this is a flood: that many messages within the window. */
const FLOOD_MESSAGES = 64;
const WINDOW_MS = 10;
/** How long to let the next lot gather. Short enough for everything else the event loop has to do. */
const GATHER_MS = 1;

/**
 * Keeps a flood cheap. Reading is quicker than the kernel's sending, so without a pause every single message wakes
 * the process, at several times the cost of the message itself. In a flood this sleeps a millisecond, at most once
 * a turn of the event loop, so that a whole lot is read at once (what NAPI does for a network card). Outside of
 * floods nothing waits.
 */
export interface FloodPacing {
  /** Call when the queue was found empty. True if it slept, and reading again is worth while. */
  gather(messages: number): boolean;
}

export function floodPacing(nowMs: () => number): FloodPacing {
  const never = new Int32Array(new SharedArrayBuffer(4));
  let windowStart = 0;
  let inWindow = 0;
  let inFlood = false;
  let sleptThisTurn = false;
  return {
    gather: (messages) => {
      const now = nowMs();
      if (now - windowStart >= WINDOW_MS || now < windowStart) {
        inFlood = inWindow >= FLOOD_MESSAGES;
        windowStart = now;
        inWindow = 0;
      }
      inWindow += messages;
      if (inWindow >= FLOOD_MESSAGES) inFlood = true;
      if (!inFlood || sleptThisTurn) return false;
      sleptThisTurn = true;
      setImmediate(() => {
        sleptThisTurn = false;
      });
      Atomics.wait(never, 0, 0, GATHER_MS);
      return true;
    },
  };
}
