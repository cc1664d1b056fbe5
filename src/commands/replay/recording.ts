import { createEventLine, readEventLine } from '../../decode/event-line.ts';
import { destinationOfLine, eventOfLine, isLineTranslated } from '../../decode/line-event.ts';
import { isPickup } from '../../detect/classify.ts';
import { abandon, due, nextDueAtMs, step, unanswered } from '../../detect/detector.ts';
import { createDetector, DEFAULT_SETTINGS } from '../../detect/detector-state.ts';
import { IPPROTO_TCP } from '../../lib/ctnetlink.ts';
import { endpointText } from '../../lib/endpoint-text.ts';
import type { Finding } from '../../model/finding.ts';
import type { FlowEvent } from '../../model/flow-event.ts';
import { learnTimeouts } from './learn-timeouts.ts';
import { mayMatter } from './may-matter.ts';
import { createServiceAddresses } from './service-addresses.ts';

/** In what conntrack says, on stderr, when its socket overflowed. */
const OVERRUN = 'ENOBUFS';

export interface RecordingOptions {
  readonly confirmWindowMs: number;
  /** Whether the topology has this Service address. */
  readonly isServiceAddress: (ip: string, port: number) => boolean;
  /** `line`: the one that decided, counted from 1; undefined if the end of the recording did. */
  readonly onFinding: (finding: Finding, line: number | undefined) => void;
  readonly onUnreadable: (line: number, bytes: Uint8Array) => void;
  /** A line that is no event. */
  readonly onOther: (line: number, bytes: Uint8Array) => void;
}

/** What was read so far. */
export interface RecordingCounts {
  lines: number;
  other: number;
  unreadable: number;
  /** How often conntrack said that it lost events. */
  overruns: number;
  readonly events: { new: number; update: number; destroy: number };
  /**
   * Untranslated pickups of addresses that nothing shows to be a Service's: IPVS forgot connections older than the
   * recording, or they have nothing to do with Services. With the first such address.
   */
  untranslated: number;
  untranslatedTo?: string;
  /** Events with a time stamp. */
  timed: number;
  /** Epoch milliseconds of the first and the last event that has a time; NaN if none has. */
  firstMs: number;
  lastMs: number;
}

/** Decoder and detector joined, for text: the part of the data path that turns lines into findings. */
export interface Recording {
  readonly counts: RecordingCounts;
  /** Takes the next line, without its line feed. `isLast`: it had none, and may have been cut. */
  take(bytes: Uint8Array, from: number, to: number, isLast?: boolean): void;
  /** A line that is too long to be looked at. */
  skipLong(bytes: Uint8Array): void;
  /** Decides what is pending. `cut`: the recording goes on, and nobody reads it. */
  end(cut: boolean): void;
  /** Whether a translated destination showed this to be the address of a Service. */
  isLearned(ip: string, port: number): boolean;
}

/**
 * Times are those of the recording; where it has none, time stands still and order alone decides. What the agent asks
 * the kernel, UPDATE lines tell here; a recording that has none, or no DESTROY, cannot tell a stall.
 */
export function createRecording(options: RecordingOptions): Recording {
  const line = createEventLine();
  const services = createServiceAddresses();
  const detector = createDetector({
    ...DEFAULT_SETTINGS,
    confirmWindowMs: options.confirmWindowMs,
    isServiceAddress: (ip, port) => options.isServiceAddress(ip, port) || services.has(ip, port),
  });
  const events = { new: 0, update: 0, destroy: 0 };
  const counts: RecordingCounts = {
    lines: 0,
    other: 0,
    unreadable: 0,
    overruns: 0,
    untranslated: 0,
    events,
    timed: 0,
    firstMs: Number.NaN,
    lastMs: Number.NaN,
  };
  let nowMs = 0;
  let hasIds = false;

  const report = (findings: readonly Finding[], at: number | undefined) => {
    for (const finding of findings) options.onFinding(finding, at);
  };
  const canTellStalls = () => events.update > 0 && events.destroy > 0;
  /** Clocks are set back, and recordings are put together: time only ever goes on, by as much as the stamps say. */
  const passTime = (timeMs: number) => {
    if (Number.isNaN(timeMs)) return;
    counts.timed++;
    if (timeMs > counts.lastMs) nowMs += timeMs - counts.lastMs;
    if (counts.timed === 1) counts.firstMs = timeMs;
    counts.lastMs = timeMs;
    if (detector.pending.size > 0) settleDue();
  };
  const settleDue = () => {
    if (!canTellStalls()) return;
    let next = nextDueAtMs(detector);
    while (next !== undefined && next <= nowMs) {
      for (const pending of due(detector, next)) report(unanswered(detector, pending, next), counts.lines);
      next = nextDueAtMs(detector);
    }
  };
  const countEvent = () => {
    events[line.type]++;
    passTime(line.timeMs);
  };
  const learnService = (bytes: Uint8Array) => {
    const ip = destinationOfLine(line, bytes);
    if (ip !== undefined) services.add(ip, line.ports[1]!);
  };
  /** A pickup that the detector did not take up. */
  const countUntranslated = ({ original: { dst, dport } }: FlowEvent) => {
    counts.untranslated++;
    counts.untranslatedTo ??= endpointText(dst, dport);
  };
  const other = (bytes: Uint8Array) => {
    counts.other++;
    if (Buffer.from(bytes).includes(OVERRUN)) {
      counts.overruns++;
      // What would have decided may be among those that were lost.
      report(abandon(detector, nowMs), counts.lines);
    }
    options.onOther(counts.lines, bytes);
  };
  const unreadable = (bytes: Uint8Array) => {
    counts.unreadable++;
    options.onUnreadable(counts.lines, bytes);
  };

  return {
    counts,
    isLearned: services.has,
    take(bytes, start, to, isLast = false) {
      counts.lines++;
      let from = counts.lines === 1 && hasByteOrderMark(bytes, start) ? start + 3 : start;
      // A file that was emptied while it was written to begins with a hole.
      while (from < to && bytes[from] === 0) from++;
      const kind = readEventLine(line, bytes, from, to);
      if (kind === 'other') return other(bytes.subarray(from, to));
      if (kind === 'unreadable') return unreadable(bytes.subarray(from, to));
      if (line.protocol !== IPPROTO_TCP) return countEvent();
      // The id comes after all that matters: without it, the last port may be half a port.
      if (isLast && hasIds && line.id === -1) return unreadable(bytes.subarray(from, to));
      hasIds = line.id !== -1;
      // Its time may decide what is pending, and so let it matter less; that does no harm.
      const matters = mayMatter(line, detector.pending.mayHave(line.ports[0]!));
      const event = matters ? eventOfLine(line, bytes) : undefined;
      if (matters && !event) return unreadable(bytes.subarray(from, to));
      countEvent();
      if (line.type === 'update') detector.timeouts = learnTimeouts(detector.timeouts, line);
      else if (isLineTranslated(line, bytes)) learnService(bytes);
      if (!event) return;
      report(step(detector, event, nowMs), counts.lines);
      if (isPickup(event) && !detector.pending.get(event.zone, event.original)) countUntranslated(event);
    },
    skipLong(bytes) {
      counts.lines++;
      unreadable(bytes);
    },
    end(cut) {
      settleDue();
      report(abandon(detector, nowMs, canTellStalls() && !cut ? 'stalled' : 'unknown'), undefined);
    },
  };
}

/** Of UTF-8, which some editors put before a text. */
function hasByteOrderMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}
