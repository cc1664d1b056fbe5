import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** USER_HZ, the unit of every CPU time in /proc: 100 a second on every architecture of today. */
const MS_PER_TICK = 10;
/** A process that used less than this in a window does nothing. */
const QUIET_MS = 2;
const QUIET_WINDOW_MS = 400;
const QUIET_TIMEOUT_MS = 15_000;

/** CPU time of a whole process with all its threads, since it began. */
export interface ProcessCpu {
  /** utime + stime of /proc/PID/stat: what every tool shows, in steps of 10 ms. */
  readonly statMs: number;
  /** The same time by the scheduler's own count, in nanoseconds: the sum over /proc/PID/task/TID/schedstat. */
  readonly exactMs: number;
}

export function processCpu(pid: number): ProcessCpu {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return {
    statMs: parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8')),
    exactMs: tasks.reduce((sum, task) => sum + threadCpu(pid, task), 0),
  };
}

/** From one reading to a later one. */
export function cpuBetween(before: ProcessCpu, after: ProcessCpu): ProcessCpu {
  return { statMs: after.statMs - before.statMs, exactMs: after.exactMs - before.exactMs };
}

/** Waits until the process has nothing left to do: started, compiled, collected. Returns its CPU time then. */
export async function untilQuiet(pid: number): Promise<ProcessCpu> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let before = processCpu(pid);
  while (performance.now() < deadline) {
    await setTimeout(QUIET_WINDOW_MS);
    const now = processCpu(pid);
    if (cpuBetween(before, now).exactMs < QUIET_MS) return now;
    before = now;
  }
  throw new Error(`process ${pid} did not come to rest within ${QUIET_TIMEOUT_MS / 1000} s`);
}

/** Busy time of all CPUs since the machine started. */
export function machineCpuMs(): number {
  return parseMachineStat(readFileSync('/proc/stat', 'utf8'));
}

/** Fields 14 and 15 of proc(5). The name, field 2, stands in parentheses and may hold anything. */
export function parseProcessStat(text: string): number {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** First line of /proc/stat: user, nice, system, irq and softirq; idle, iowait and steal are nobody's work. */
export function parseMachineStat(text: string): number {
  const [, user, nice, system, , , irq, softirq] = text.slice(0, text.indexOf('\n')).split(/\s+/).map(Number);
  return (user! + nice! + system! + irq! + softirq!) * MS_PER_TICK;
}

function threadCpu(pid: number, task: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}
