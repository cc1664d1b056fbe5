import { join } from 'node:path';

export const RUNBOOKS = join(import.meta.dirname, '../../docs/runbooks');

/** Lines of code that ask for metrics of the agent, or of its target. */
export function queriesIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('    ') && /\bconntrack_watchdog[_:]|\{job="/.test(line))
    .map((line) => line.trim().split(' # ')[0]!);
}
