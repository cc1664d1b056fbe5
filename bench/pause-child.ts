/**
 * Takes snapshots as the agent does, by the same code, with a probe in the same event loop; or does nothing but that,
 * to show what the machine takes from every process. Runs in the node's namespace; pauses.ts starts it with the
 * interval of the snapshots in ms and the mode of protection, or without.
 */

import type { FlowStore } from '../src/audit/flow-store.ts';
import type { FlowNames } from '../src/audit/summary.ts';
import { watchFlows } from '../src/commands/shared/watch-flows.ts';
import { flowNames, knownFlows } from '../src/commands/table/flow-names.ts';
import { createFlowStore, watchTable } from '../src/commands/table/watch-table.ts';
import { DEFAULT_SETTINGS } from '../src/detect/detector-state.ts';
import { NO_TOPOLOGY } from '../src/enrich/no-topology.ts';
import { type Clock, systemClock } from '../src/kernel/clock.ts';
import { readSettings } from '../src/kernel/settings.ts';
import { createLog } from '../src/report/log.ts';
import { type Pause, startPauseProbe } from './pause-probe.ts';

export type PauseMessage =
  | { readonly kind: 'ready' }
  /** Since the last one; from the one that takes snapshots after each, from the other when it is asked. */
  | { readonly kind: 'pause'; readonly pause: Pause; readonly flows: number };

const PROC = '/proc';
/** The probe has to have its turn after the last bit of a snapshot. */
const LAST_TURN_MS = 5;

const tell = (message: PauseMessage) => process.send?.(message);
const [, , intervalMs, mode] = process.argv;
const probe = startPauseProbe();
const tellPause = (flows: number) => tell({ kind: 'pause', pause: probe.lap(), flows });

async function takeSnapshots(interval: number): Promise<void> {
  const clock = systemClock();
  const settings = () => readSettings(PROC).settings;
  const store = createFlowStore(settings(), clock);
  // First of all the agent listens, and has its libraries loaded then.
  const watch = await watchFlows({
    clock,
    receiveBufferBytes: 64 * 2 ** 20,
    detector: {
      ...DEFAULT_SETTINGS,
      confirmWindowMs: 2000,
      isServiceAddress: () => false,
      known: knownFlows(store, clock),
    },
    onFinding: () => {},
    onEvent: () => {},
    onEventsLost: () => {},
    onMalformed: () => {},
  });
  await new Promise((resolve) => setTimeout(resolve, LAST_TURN_MS));
  probe.lap();
  watchTable({
    clock,
    procPath: PROC,
    store,
    detector: watch.detector,
    intervalMs: interval,
    settings,
    checkEventsLost: () => watch.eventsLost(),
    ...(mode === 'renew' ? await renewing(store, clock) : { names: flowNames(NO_TOPOLOGY, 'bench') }),
    isGone: (zone, original) => watch.isGone(zone, original),
    onFault: (error) => {
      throw error;
    },
    onFinding: () => {},
    onMalformed: () => {},
    onSnapshot: (_, { size }) => setTimeout(() => tellPause(size), LAST_TURN_MS),
  });
}

/** Whatever is open is protected: every backend is one. */
async function renewing(store: FlowStore, clock: Clock) {
  const { protectFlows } = await import('../src/commands/protect/protect-flows.ts');
  const names: FlowNames = {
    service: (ip, port) => ({
      name: { namespace: 'bench', name: ip, servicePort: port, known: true },
      choice: undefined,
      isEndpoint: () => true,
    }),
    client: () => ({ namespace: 'bench', workload: 'Deployment/client' }),
  };
  const metrics = { declareRenewals: () => {}, countRenewals: () => {}, countSkipped: () => {} };
  const log = createLog({ level: 'warn', node: 'bench', destination: process.stderr });
  return { names, protection: protectFlows({ store, clock, maxIdleMs: 86_400_000, log, metrics }) };
}

process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  if (intervalMs === undefined) tellPause(0);
  else void takeSnapshots(Number(intervalMs));
});
tell({ kind: 'ready' });
