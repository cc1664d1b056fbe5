import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type OptionsOf, UsageError } from '../config/parse.ts';
import { MALFORMED_REASONS } from '../decode/attributes.ts';
import { DEFAULT_SETTINGS } from '../detect/detector.ts';
import { timeoutsFrom } from '../detect/timeouts.ts';
import { nameFinding } from '../enrich/name.ts';
import { systemClock } from '../kernel/clock.ts';
import { readSettings } from '../kernel/settings.ts';
import type { Finding } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import { createFindingLog } from '../report/finding-log.ts';
import { createFloodControl } from '../report/flood-control.ts';
import { startHttp } from '../report/http.ts';
import { createLog } from '../report/log.ts';
import { createMetrics } from '../report/metrics.ts';
import { createReadiness } from '../report/readiness.ts';
import { createCheckup } from './agent-checkup.ts';
import { loadTopology } from './load-topology.ts';
import { type FlowWatch, watchFlows } from './watch-flows.ts';

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
  if (!existsSync(join(options.procPath, 'sys/net'))) {
    throw new UsageError(`--proc ${options.procPath}: there is no sys/net below it`);
  }
  const clock = systemClock();
  const { topology, services, ignored } = await loadTopology(options.topology);
  if (stop.aborted) return;
  const log = createLog({
    level: options.logLevel,
    node: options.nodeName,
    onDropped: () => metrics.countHeldBack(),
  });
  const readiness = createReadiness(['subscribed', 'filter_attached', 'events_enabled']);
  let watch: FlowWatch | undefined;
  const checkup = createCheckup({
    read: () => readSettings(options.procPath),
    procPath: options.procPath,
    readiness,
    log,
  });
  const metrics = createMetrics({
    version,
    nodeVersion: process.version,
    malformedReasons: MALFORMED_REASONS,
    processMetrics: true,
    read: () => {
      const settings = checkup.settings();
      const { lost, unconfirmed, pending, broken } = watch?.detector ?? {};
      const table = (t = { size: 0, evictions: 0 }) => ({ entries: t.size, evictions: t.evictions });
      return {
        eventsLost: checkup.eventsLost(watch?.eventsLost()),
        tableEntries: settings.get('nf_conntrack_count'),
        tableLimit: settings.get('nf_conntrack_max'),
        kernelSettings: Object.fromEntries(settings),
        ready: readiness.reasons().length === 0,
        flowTables: {
          lost: table(lost),
          unconfirmed: table(unconfirmed),
          pending: table(pending),
          broken: table(broken),
        },
      };
    },
  });
  metrics.declareServices(services);
  if (options.topology.kind === 'file') {
    log.info('topology_loaded', `Names come from ${options.topology.path}`, {
      service_ports: services.length,
      ignored_objects: ignored,
    });
  }
  const findingLog = createFindingLog({
    log,
    flood: createFloodControl(),
    onHeldBack: () => metrics.countHeldBack(),
    settings: () => Object.fromEntries(checkup.lastSettings()),
  });

  const onFinding = (finding: Finding) => {
    const named = nameFinding(topology, finding, options.nodeName);
    if (!named) return;
    metrics.count(named);
    if (named.kind === 'pickup') findingLog.write(named, clock.monotonicMs());
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
  });
  try {
    watch = await watchFlows({
      clock,
      receiveBufferBytes: options.receiveBufferBytes,
      detector: {
        ...DEFAULT_SETTINGS,
        confirmWindowMs: options.confirmWindowMs,
        isServiceAddress: (ip, port) =>
          (topology.serviceAt(ip, port) ?? topology.serviceAtNodePort(ip, port)) !== undefined,
      },
      onFinding,
      onEvent,
      onMalformed: (reason) => metrics.countMalformed(reason),
    });
  } catch (error) {
    await Promise.all([http.close(), log.close()]);
    throw error;
  }
  const watching = watch;
  log.info('http_listening', `Serving ${http.url}/metrics`, { url: http.url, port: http.port });
  readiness.meet('subscribed');
  readiness.meet('filter_attached');
  const look = () => {
    watching.detector.timeouts = timeoutsFrom(checkup.settings());
    checkup.eventsLost(watching.eventsLost());
    findingLog.flush(clock.monotonicMs());
  };
  look();
  const timer = setInterval(look, CHECKUP_MS);
  log.info('agent_started', `conntrack-watchdog ${version} watches the connections of ${options.nodeName}`, {
    version,
    receive_buffer_bytes: watching.receiveBufferBytes,
  });

  if (!stop.aborted) await once(stop, 'abort');
  clearInterval(timer);
  const { decided, undecided } = await watching.stop();
  findingLog.flush(clock.monotonicMs());
  await http.close();
  log.info('agent_stopping', `Stopped by ${stop.reason}`, {
    pickups_decided: decided,
    pickups_undecided: undecided,
  });
  await log.close();
}
