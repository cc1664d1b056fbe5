import { type OptionsOf, UsageError } from '../config/parse.ts';
import { nameFinding } from '../enrich/name.ts';
import { NO_TOPOLOGY } from '../enrich/no-topology.ts';
import { LineSplitter } from '../lib/line-splitter.ts';
import type { Finding } from '../model/finding.ts';
import type { Topology } from '../model/topology.ts';
import { createProgressBar, type ProgressBar } from '../report/progress-bar.ts';
import { breakJson, breakText } from '../report/replay-break.ts';
import { replaySummary } from '../report/replay-summary.ts';
import { ReplayTotals } from '../report/replay-totals.ts';
import { checkStart, lineNotes, recordingNotes } from './replay/notes.ts';
import { createRecording } from './replay/recording.ts';
import { openRecording } from './replay/source.ts';
import { createTextOutput } from './replay/text-output.ts';
import { readTopologyFile } from './topology/load-topology.ts';

/** Lines of conntrack have 1 KiB at most, but for a program's name. */
const MAX_LINE_BYTES = 8192;
/** With no event before it, a line this long says that this is no text. */
const HOPELESS_LINE_BYTES = 2 ** 20;
/** Smaller files are read before anybody could look at a bar. */
const MIN_BAR_BYTES = 32 * 2 ** 20;

/**
 * Reads a recording and tells every broken connection in it. Returns the exit status: 0 also when there are some.
 * Throws a UsageError if it cannot be read, or has no event.
 */
export async function runReplay(
  options: OptionsOf<'replay'>,
  argument: string,
  stop: AbortSignal,
): Promise<number> {
  const { confirmWindowMs, json } = options;
  const topology = await readNames(options.recordedTopology);
  const source = openRecording(argument);
  const output = createTextOutput();
  // A reader of both that goes away takes stderr with it.
  process.stderr.on('error', () => {});
  const color = options.color && process.stdout.isTTY;
  const totals = new ReplayTotals();
  const notes = lineNotes();
  let found = '';
  const onFinding = (finding: Finding, line: number | undefined) => {
    const named = nameFinding(topology, asService(finding));
    if (!named) return;
    totals.count(named);
    if (named.kind !== 'pickup' || !named.broken) return;
    const recorded = { pickup: named, line, confirmWindowMs };
    found += json ? breakJson(recorded) : breakText(recorded, color);
  };
  const recording = createRecording({
    confirmWindowMs,
    isServiceAddress: (ip, port) =>
      (topology.serviceAt(ip, port) ?? topology.serviceAtNodePort(ip, port)) !== undefined,
    onFinding,
    onUnreadable: notes.unreadable,
    onOther: notes.other,
  });
  const { counts } = recording;
  /** What the recording itself has shown to be a Service is told even if no topology knows it. */
  const asService = (finding: Finding): Finding => {
    const { dst, dport } = finding.connection;
    return finding.translated || !recording.isLearned(dst, dport)
      ? finding
      : { ...finding, translated: true };
  };
  const splitter = new LineSplitter(MAX_LINE_BYTES, {
    line: (bytes, from, to, isLast) => recording.take(bytes, from, to, isLast),
    tooLong: (beginning) => recording.skipLong(beginning),
  });
  const write = async (bar: ProgressBar | undefined) => {
    if (found === '') return;
    const text = found;
    found = '';
    const isInTheWay = bar && process.stdout.isTTY;
    if (isInTheWay) bar.hide();
    await output.write(text);
    if (isInTheWay) bar.show();
  };

  const wantsBar = process.stderr.isTTY && source.size !== undefined && source.size >= MIN_BAR_BYTES;
  const bar = wantsBar ? await createProgressBar(source.size) : undefined;
  let bytesRead = 0;
  try {
    for await (const chunk of source.chunks(stop)) {
      if (bytesRead === 0) checkStart(source.name, chunk);
      bytesRead += chunk.length;
      splitter.push(chunk);
      const { events } = counts;
      if (splitter.openLength > HOPELESS_LINE_BYTES && events.new + events.update + events.destroy === 0) {
        throw new UsageError(
          `replay: ${source.name} is no recording of conntrack -E: line ${counts.lines + 1} is longer than 1 MiB`,
        );
      }
      bar?.update(bytesRead);
      await write(bar);
      if (output.isClosed()) break;
    }
    // What a signal cut is no last line.
    if (!stop.aborted) splitter.end();
  } finally {
    bar?.stop();
  }
  if (output.isClosed()) {
    output.check();
    return 0;
  }
  const isCut = stop.aborted;
  recording.end(isCut);
  await write(undefined);
  const { events } = counts;
  const total = events.new + events.update + events.destroy;
  if (total === 0 && !isCut) throw new UsageError(`replay: ${source.name} ${notes.nothing(counts.lines)}`);
  if (!json) await output.write(replaySummary(counts, totals, color));
  for (const note of [...notes.lines(counts), ...recordingNotes(counts, totals, isCut)]) {
    process.stderr.write(`conntrack-watchdog: ${note}\n`);
  }
  output.check();
  return 0;
}

async function readNames(source: OptionsOf<'replay'>['recordedTopology']): Promise<Topology> {
  return source.kind === 'none' ? NO_TOPOLOGY : (await readTopologyFile(source.path)).topology;
}
