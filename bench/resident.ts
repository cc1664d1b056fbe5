import { readFileSync } from 'node:fs';

/** Memory of a process that is in RAM: VmRSS of /proc/PID/status. */
export function residentKiB(pid: number): number {
  return parseResident(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** NaN if it is not there. */
export function parseResident(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
}
