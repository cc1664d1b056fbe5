/** A deadline that moves: `onOver` is called once when it was not touched for as long as it was last given. */
export interface Deadline {
  touch(ms: number): void;
  clear(): void;
}

export function createDeadline(ms: number, onOver: () => void): Deadline {
  let timer = setTimeout(onOver, ms);
  const clear = () => clearTimeout(timer);
  return {
    touch(next) {
      clear();
      timer = setTimeout(onOver, next);
    },
    clear,
  };
}

/** Resolves after so long, or as soon as the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Resolves in the next turn of the event loop, when everybody else had theirs. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
