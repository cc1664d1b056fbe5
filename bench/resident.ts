import { readFileSync } from 'node:fs';

/** Memory of a process that is in RAM: VmRSS of /proc/PID/status. */
export function residentKiB(pid: number): number {
  return parseResident(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** The most it ever had there: VmHWM. */
export function peakResidentKiB(pid: number): number {
  return parseResident(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM');
}

/** NaN if it is not there. */
export function parseResident(status: string, name = 'VmRSS'): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
}
