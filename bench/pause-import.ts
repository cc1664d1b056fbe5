/**
 * Imported into the agent before anything else (`node --import`): watches its event loop from within. At SIGUSR2 writes
 * the longest pause since the last time to the file that $BENCH_PAUSES names.
 */
import { appendFileSync } from 'node:fs';
import { startPauseProbe } from './pause-probe.ts';

const path = process.env['BENCH_PAUSES']!;
const probe = startPauseProbe();
process.on('SIGUSR2', () => appendFileSync(path, `${JSON.stringify(probe.lap())}\n`));
// A timer would keep the agent from ending.
process.once('SIGTERM', () => probe.stop());
