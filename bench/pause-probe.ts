/** As short as timers can be: what is between two of them is at most this and a pause. */
const PROBE_MS = 1;

/** The longest time in which a process could not react to anything. */
export interface Pause {
  /** Between two turns of the event loop, the probe's own millisecond included. */
  readonly wallMs: number;
  /** Of it, what the thread was at work; the rest it waited for its threads, or others had the CPU. */
  readonly cpuMs: number;
  /** The longest work between two turns, maybe of another pause: what others do to the machine is not in it. */
  readonly longestWorkMs: number;
}

const NONE: Pause = { wallMs: 0, cpuMs: 0, longestWorkMs: 0 };

/** Watches the event loop of this process from within. */
export interface PauseProbe {
  /** The longest pause since the last call. */
  lap(): Pause;
  stop(): void;
}

export function startPauseProbe(): PauseProbe {
  let last = performance.now();
  let lastCpu = threadCpuMs();
  let longest: Pause = NONE;
  const timer = setInterval(() => {
    const now = performance.now();
    const cpu = threadCpuMs();
    const longestWorkMs = Math.max(longest.longestWorkMs, cpu - lastCpu);
    const isLonger = now - last > longest.wallMs;
    longest = isLonger
      ? { wallMs: now - last, cpuMs: cpu - lastCpu, longestWorkMs }
      : { ...longest, longestWorkMs };
    last = now;
    lastCpu = cpu;
  }, PROBE_MS);
  return {
    lap() {
      const lap = longest;
      longest = NONE;
      return lap;
    },
    stop: () => clearInterval(timer),
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
