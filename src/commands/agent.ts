import { once } from 'node:events';
import type { OptionsOf } from '../config/parse.ts';
import { MALFORMED_REASONS } from '../decode/attributes.ts';
import { DEFAULT_SETTINGS } from '../detect/detector-state.ts';
import { nameFinding } from '../enrich/name.ts';
import { systemClock } from '../kernel/clock.ts';
import { readSettings } from '../kernel/settings.ts';
import { timeoutsFrom } from '../lib/tcp-timeouts.ts';
import type { Finding } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import { createFindingLog } from '../report/finding-log.ts';
import { createFloodControl } from '../report/flood-control.ts';
import { startHttp } from '../report/http.ts';
import { createLog } from '../report/log.ts';
import type { ReadyCondition } from '../report/metric-table.ts';
import { createMetrics } from '../report/metrics.ts';
import { createReadiness } from '../report/readiness.ts';
import { AGENT_CONDITIONS, createCheckup, TOPOLOGY_CONDITION } from './agent/checkup.ts';
import { checkEmitEvents, emitEvents } from './agent/emit-events.ts';
import { checkProtect, protect } from './agent/protect.ts';
import { type AgentParts, readAgent } from './agent/readings.ts';
import { serveStatus } from './agent/serve-status.ts';
import { createSnapshotLog } from './agent/snapshot-log.ts';
import { checkProc } from './shared/check-proc.ts';
import { type FlowWatch, watchFlows } from './shared/watch-flows.ts';
import { flowNames, knownFlows } from './table/flow-names.ts';
import { createFlowStore, type TableProtection, watchTable } from './table/watch-table.ts';
import { followTopology } from './topology/follow-topology.ts';
import { loadTopology } from './topology/load-topology.ts';

/** How often settings, losses and held-back log lines are looked at when nobody asks. */
const CHECKUP_MS = 10_000;

/**
 * The DaemonSet's process: the data path wired from the kernel to metrics and log, until `stop` is aborted. Throws
 * before it watches if it cannot: UsageError, KernelError, or an Error about `--listen`; nothing is left open then.
 */
export async function runAgent(
  options: OptionsOf<'agent'>,
  version: string,
  stop: AbortSignal,
): Promise<void> {
  checkEmitEvents(options);
  checkProc(options.procPath);
  checkProtect(options);
  const clock = systemClock();
  const source = await loadTopology(options);
  if (stop.aborted) return;
  const log = createLog({
    level: options.logLevel,
    node: options.nodeName,
    onDropped: () => metrics.countHeldBack(),
  });
  const readiness = createReadiness<ReadyCondition>([
    ...AGENT_CONDITIONS,
    ...(source.kind === 'watched' ? [TOPOLOGY_CONDITION] : []),
  ]);
  const checkup = createCheckup({
    read: () => readSettings(options.procPath),
    procPath: options.procPath,
    readiness,
    log,
    onEventsEnabled: () => parts.table?.resync('events_enabled'),
  });
  const store = createFlowStore(checkup.settings(), clock);
  const parts: AgentParts = { checkup, readiness, store };
  const read = async () => readAgent(parts);
  const metrics = createMetrics({
    version,
    nodeVersion: process.version,
    malformedReasons: MALFORMED_REASONS,
    processMetrics: true,
    read,
  });
  const followed = followTopology(source, { clock, log, metrics, readiness });
  parts.names = followed;
  const { topology } = followed;
  const settings = () => Object.fromEntries(checkup.lastSettings());
  const findingLog = createFindingLog({
    log,
    flood: createFloodControl(),
    onHeldBack: () => metrics.countHeldBack(),
    settings,
  });
  const events = emitEvents({ options, send: followed.send, clock, log, settings });
  parts.kubernetesEvents = events;

  const onFinding = (finding: Finding) => {
    const named = nameFinding(topology, finding, options.nodeName);
    if (!named) return;
    metrics.count(named);
    if (named.kind !== 'pickup') return;
    findingLog.write(named, clock.monotonicMs());
    events?.add(named);
    status.add(named);
  };
  const onEvent = (event: FlowEvent) => {
    metrics.countEvent(event.type === 'destroy' ? 'destroy' : 'new');
    if (event.type === 'destroy' && event.tcpState === undefined) checkup.oldKernel();
  };

  const http = await startHttp({
    listen: options.listen,
    version,
    metrics,
    readiness,
    onError: (error) => log.error('http_failed', `A request could not be answered: ${String(error)}`),
  }).catch(async (error) => {
    await followed.stop();
    throw error;
  });
  const status = await serveStatus({
    options,
    version,
    startedAtMs: clock.wallMs(),
    log,
    topology,
    read,
    reasons: () => readiness.reasons(),
    settings,
    atRisk: () => parts.table?.atRisk(),
    snapshotIntervalMs: () => parts.table?.intervalMs() ?? options.snapshotIntervalMs,
  });
  let watching: FlowWatch;
  let protection: TableProtection | undefined;
  try {
    protection = await protect(options, { store, clock, log, metrics });
    watching = await watchFlows({
      clock,
      receiveBufferBytes: options.receiveBufferBytes,
      detector: {
        ...DEFAULT_SETTINGS,
        confirmWindowMs: options.confirmWindowMs,
        isServiceAddress: (ip, port) =>
          (topology.serviceAt(ip, port) ?? topology.serviceAtNodePort(ip, port)) !== undefined,
        known: knownFlows(store, clock),
      },
      onFinding,
      onEvent,
      onEventsLost: () => parts.table?.resync('events_lost'),
      onMalformed: (reason) => metrics.countMalformed(reason),
    });
  } catch (error) {
    protection?.close();
    await Promise.all([followed.stop(), http.close(), status.close(), log.close()]);
    throw error;
  }
  parts.watch = watching;
  log.info('http_listening', `Serving ${http.url}/metrics`, { url: http.url, port: http.port });
  readiness.meet('subscribed');
  readiness.meet('filter_attached');
  const look = () => {
    watching.detector.timeouts = timeoutsFrom(checkup.settings());
    checkup.eventsLost(watching.eventsLost());
    parts.table?.adapt();
    findingLog.flush(clock.monotonicMs());
    followed.look();
    status.announce();
  };
  look();
  const timer = setInterval(look, CHECKUP_MS);
  const logSnapshot = createSnapshotLog({ log, readiness, settings: () => checkup.lastSettings() });
  const watchedTable = watchTable({
    clock,
    procPath: options.procPath,
    store,
    detector: watching.detector,
    intervalMs: options.snapshotIntervalMs,
    protection,
    onInterval: (intervalMs, { established }) =>
      log.info(
        'snapshot_interval',
        `The conntrack table is read every ${intervalMs / 1000} s: protection needs several looks within nf_conntrack_tcp_timeout_established, which is ${established} s`,
        { interval_seconds: intervalMs / 1000, timeout_seconds: established },
      ),
    settings: () => checkup.settings(),
    checkEventsLost: () => watching.eventsLost(),
    names: flowNames(topology, options.nodeName),
    isGone: (zone, original) => watching.isGone(zone, original),
    onFault: (error) =>
      log.error('snapshot_failed', `A snapshot failed by a fault of this program: ${error.stack}`),
    onFinding,
    onMalformed: (reason) => metrics.countMalformed(reason),
    onSnapshot: (...snapshot) => {
      logSnapshot(...snapshot);
      status.announce();
      // So that the next one has the names of then, also when it comes soon.
      followed.look();
    },
  });
  parts.table = watchedTable;
  await Promise.race([watchedTable.begun, once(stop, 'abort')]);
  log.info('agent_started', `conntrack-watchdog ${version} watches the connections of ${options.nodeName}`, {
    version,
    receive_buffer_bytes: watching.receiveBufferBytes,
  });

  if (!stop.aborted) await once(stop, 'abort');
  clearInterval(timer);
  await watchedTable.stop();
  const { decided, undecided } = await watching.stop();
  findingLog.flush(clock.monotonicMs());
  await Promise.all([events?.stop(), http.close(), status.close()]);
  await followed.stop();
  log.info('agent_stopping', `Stopped by ${stop.reason}`, {
    pickups_decided: decided,
    pickups_undecided: undecided,
  });
  await log.close();
}
