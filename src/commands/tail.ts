import { once } from 'node:events';
import type { OptionsOf } from '../config/parse.ts';
import { DEFAULT_SETTINGS } from '../detect/detector-state.ts';
import { nameFinding } from '../enrich/name.ts';
import { nameEvent } from '../enrich/name-event.ts';
import { systemClock } from '../kernel/clock.ts';
import { readerGone } from '../kernel/reader-gone.ts';
import { readSettings } from '../kernel/settings.ts';
import { timeoutsFrom } from '../lib/tcp-timeouts.ts';
import type { Finding } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import { LineOutput } from '../report/line-output.ts';
import { openStdout } from '../report/open-stdout.ts';
import { createReadiness } from '../report/readiness.ts';
import { showsEvent, showsFinding } from '../report/tail-filter.ts';
import { tailJson } from '../report/tail-json.ts';
import { tailText } from '../report/tail-line.ts';
import { tailSummary } from '../report/tail-summary.ts';
import { AGENT_CONDITIONS, createCheckup } from './agent/checkup.ts';
import { checkProc } from './shared/check-proc.ts';
import { type FlowWatch, watchFlows } from './shared/watch-flows.ts';
import { flowNames, knownFlows } from './table/flow-names.ts';
import { createFlowStore, type TableWatch, watchTable } from './table/watch-table.ts';
import { tailNames } from './tail/names.ts';
import { stderrLog } from './tail/stderr-log.ts';

/** How often the settings are looked at. */
const CHECKUP_MS = 10_000;
/** How soon it is noticed that nobody reads any more when there is nothing to write. */
const READER_MS = 500;
/** How long the end waits for a reader who does not read, and for one who reads slowly: nobody looks on after Ctrl-C. */
const PATIENCE_MS = 1000;
const MOST_MS = { terminal: 1000, other: 10_000 };

/**
 * Shows events and findings until `stop` is aborted or nobody reads any more. One subscription serves both, so a
 * finding always comes after the event that proves it. Throws a UsageError, a KernelError, or what kept stdout from
 * being written. Returns the exit status.
 */
export async function runTail(options: OptionsOf<'tail'>, stop: AbortSignal): Promise<number> {
  checkProc(options.procPath);
  const clock = systemClock();
  const log = stderrLog();
  const names = await tailNames(options, clock, log, stop);
  const { topology } = names;
  const stdout = openStdout();
  const lines = options.json ? tailJson(options.nodeName) : tailText(options.color && stdout.isTerminal);
  const counts = { shown: 0, lost: 0, skipped: 0, malformed: 0, broken: 0 };
  const ended = new AbortController();
  let failure: Error | undefined;
  const output = new LineOutput({
    sink: stdout,
    lost: lines.lost,
    skipped: (events, findings) => {
      counts.skipped += events + findings;
      return lines.skipped(events, findings);
    },
    onFailed(error) {
      failure = error;
      ended.abort();
    },
  });
  const checkup = createCheckup({
    read: () => readSettings(options.procPath),
    procPath: options.procPath,
    readiness: createReadiness(AGENT_CONDITIONS),
    log,
    onEventsEnabled: () => table?.resync('events_enabled'),
  });
  const store = createFlowStore(checkup.settings(), clock);
  const onEvent = (event: FlowEvent) => {
    if (event.type === 'destroy' && event.tcpState === undefined && event.protocol === 6) checkup.oldKernel();
    const named = nameEvent(topology, event, options.nodeName);
    if (!showsEvent(options, named) || !output.takesEvent()) return;
    counts.shown++;
    output.line(lines.event(named));
  };
  const onFinding = (finding: Finding) => {
    const named = nameFinding(topology, finding, options.nodeName);
    if (!named || !showsFinding(options, named) || !output.takesFinding()) return;
    if (named.kind === 'pickup' && named.broken) counts.broken++;
    output.line(lines.finding(named, Object.fromEntries(checkup.lastSettings())));
  };

  let table: TableWatch | undefined;
  let watching: FlowWatch;
  try {
    watching = await watchFlows({
      clock,
      receiveBufferBytes: options.receiveBufferBytes,
      everything: options.all,
      detector: {
        ...DEFAULT_SETTINGS,
        confirmWindowMs: options.confirmWindowMs,
        isServiceAddress: (ip, port) =>
          (topology.serviceAt(ip, port) ?? topology.serviceAtNodePort(ip, port)) !== undefined,
        known: knownFlows(store, clock),
      },
      onFinding,
      onEvent,
      onLost(lost) {
        counts.lost += lost;
        output.lost(lost);
      },
      onEventsLost: () => table?.resync('events_lost'),
      onMalformed: () => {
        counts.malformed++;
      },
    });
  } catch (error) {
    stdout.close();
    await names.stop();
    throw error;
  }
  const look = () => {
    watching.detector.timeouts = timeoutsFrom(checkup.settings());
    names.look();
  };
  look();
  table = watchTable({
    clock,
    procPath: options.procPath,
    store,
    detector: watching.detector,
    intervalMs: options.snapshotIntervalMs,
    settings: () => checkup.settings(),
    checkEventsLost: () => watching.eventsLost(),
    names: flowNames(topology, options.nodeName),
    isGone: (zone, original) => watching.isGone(zone, original),
    onFault: (error) =>
      log.error('snapshot_failed', `a snapshot failed by a fault of this program: ${error}`),
    onFinding,
    onMalformed: () => {},
    onSnapshot: () => {},
  });
  const isReaderGone = readerGone(1);
  const timers = [
    setInterval(look, CHECKUP_MS),
    setInterval(() => isReaderGone() && ended.abort(), READER_MS),
  ];

  const end = AbortSignal.any([stop, ended.signal]);
  if (!end.aborted) await once(end, 'abort');
  for (const timer of timers) clearInterval(timer);
  await table.stop();
  await watching.stop();
  await names.stop();
  const isWritten = await output.end(PATIENCE_MS, MOST_MS[stdout.isTerminal ? 'terminal' : 'other']);
  stdout.close();
  if (failure && !meansReaderGone(failure, stdout.isTerminal)) throw failure;
  if (stop.aborted) process.stderr.write(`conntrack-watchdog: ${tailSummary({ ...counts, isWritten })}\n`);
  return 0;
}

/** A socket's reader who goes without reading all resets it; a terminal that is gone is an error of the device. */
function meansReaderGone({ code = '' }: NodeJS.ErrnoException, isTerminal: boolean): boolean {
  return ['EPIPE', 'ECONNRESET', ...(isTerminal ? ['EIO'] : [])].includes(code);
}
