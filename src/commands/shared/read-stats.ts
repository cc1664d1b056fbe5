import { addCpuStats, type CpuStats } from '../../decode/cpu-stats.ts';
import { openDump } from '../../kernel/dump-socket.ts';
import { dumpStatsRequest } from '../../kernel/requests.ts';

/** The kernel answers while it is asked: parts beyond this are not coming. */
const MOST_READS = 64;

/** The statistics of ctnetlink, some ten microseconds of work. Undefined if they cannot be had just now. */
export function readStats(): CpuStats | undefined {
  const totals: CpuStats = { drop: 0, early_drop: 0, insert_failed: 0, invalid: 0 };
  try {
    const dump = openDump(dumpStatsRequest(1));
    try {
      let state: ReturnType<typeof addCpuStats> = 'more';
      for (let i = 0; i < MOST_READS && state === 'more'; i++) {
        dump.receive((bytes) => {
          state = addCpuStats(bytes, totals);
        });
      }
      return (state as string) === 'done' ? totals : undefined;
    } finally {
      dump.close();
    }
  } catch {
    return undefined;
  }
}
