import { oneLine } from '../../lib/one-line.ts';
import type { Log } from '../../report/log.ts';

/** For commands that people run: what the agent would log as a warning or an error is a line on stderr. */
export function stderrLog(): Log {
  const say = (_: string, message: string) => {
    process.stderr.write(`conntrack-watchdog: ${oneLine(message)}\n`);
  };
  const nothing = () => {};
  return {
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: say,
    error: say,
    fatal: say,
    close: async () => {},
  };
}
