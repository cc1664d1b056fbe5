import { UsageError } from '../../config/parse.ts';
import { oneLine } from '../../lib/one-line.ts';
import { printable } from '../../lib/printable.ts';
import type { ReplayCounts } from '../../report/replay-summary.ts';
import type { ReplayTotals } from '../../report/replay-totals.ts';

/** Lines that could not be read and are shown. */
const MAX_SHOWN = 3;
const MAX_TEXT = 100;

/** How files begin that are often given instead, and what to do with them. */
const BEGINNINGS: readonly {
  readonly bytes: readonly number[];
  readonly is: string;
  readonly hint: string;
}[] = [
  { bytes: [0x1f, 0x8b], is: 'compressed (gzip)', hint: 'pipe it: zcat FILE | conntrack-watchdog replay -' },
  {
    bytes: [0x28, 0xb5, 0x2f, 0xfd],
    is: 'compressed (zstd)',
    hint: 'pipe it: zstdcat FILE | conntrack-watchdog replay -',
  },
  {
    bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    is: 'compressed (xz)',
    hint: 'pipe it: xzcat FILE | conntrack-watchdog replay -',
  },
  {
    bytes: [0x42, 0x5a, 0x68],
    is: 'compressed (bzip2)',
    hint: 'pipe it: bzcat FILE | conntrack-watchdog replay -',
  },
  { bytes: [0xff, 0xfe], is: 'UTF-16 text', hint: 'pipe it: iconv -f UTF-16 -t UTF-8 FILE | ... replay -' },
  { bytes: [0x3c, 0x3f, 0x78, 0x6d, 0x6c], is: 'XML', hint: 'record without "-o xml"' },
];

/** Throws a UsageError if these bytes begin something else than the text of `conntrack -E`. */
export function checkStart(name: string, bytes: Uint8Array): void {
  const found = BEGINNINGS.find((each) => each.bytes.every((byte, i) => bytes[i] === byte));
  if (found) throw new UsageError(`replay: ${name} is ${found.is}; ${found.hint}`);
}

/** What is said of lines that were passed over. */
export interface LineNotes {
  readonly unreadable: (line: number, bytes: Uint8Array) => void;
  readonly other: (line: number, bytes: Uint8Array) => void;
  lines(counts: ReplayCounts): string[];
  /** The end of a sentence, for a recording without an event. */
  nothing(lines: number): string;
}

export function lineNotes(): LineNotes {
  const shown: string[] = [];
  let firstOther: string | undefined;
  return {
    unreadable(line, bytes) {
      if (shown.length < MAX_SHOWN) shown.push(`line ${line} cannot be read: ${shownText(bytes)}`);
    },
    other(line, bytes) {
      if (bytes.length > 0) firstOther ??= `line ${line}: ${shownText(bytes)}`;
    },
    lines({ other, unreadable }) {
      const more = unreadable - shown.length;
      return [
        ...shown,
        ...(more > 0 ? [`${more} more line${more === 1 ? '' : 's'} cannot be read`] : []),
        ...(other > 0 && firstOther !== undefined
          ? [
              `${other} line${other === 1 ? ' is no event' : 's are no events'} and skipped; the first is ${firstOther}`,
            ]
          : []),
      ];
    },
    nothing(lines) {
      if (lines === 0) return 'is empty';
      const first = shown[0] ?? firstOther;
      return `has no event of conntrack -E that can be read in ${lines} line${lines === 1 ? '' : 's'}${first === undefined ? '' : `; ${first}`}`;
    },
  };
}

/** What has to be known to judge the findings. */
export function recordingNotes(counts: ReplayCounts, totals: ReplayTotals, isCut: boolean): string[] {
  const { events, timed, overruns } = counts;
  const total = events.new + events.update + events.destroy;
  const unknown = totals.pickups.get('unknown') ?? 0;
  const { untranslated, untranslatedTo } = counts;
  const { sameMapping } = totals;
  return [
    ...(isCut ? ['stopped before the end of the recording'] : []),
    ...(total > 0 && timed === 0
      ? [
          'the recording has no time stamps (-o timestamp): order alone decides, idle times are not known, and what nothing answered by its end counts as stalled',
        ]
      : []),
    ...(timed > 0 && timed < total ? [`${total - timed} events have no time stamp`] : []),
    ...(overruns > 0
      ? [
          `conntrack said ${overruns === 1 ? 'once' : `${overruns} times`} that it lost events (ENOBUFS): breaks may be missing; record with a larger buffer (-b 67108864)`,
        ]
      : []),
    ...(untranslated > 0
      ? [
          `${untranslated} packet${untranslated === 1 ? '' : 's'} in the middle of connections went untranslated to addresses that nothing here shows to be Services, the first to ${untranslatedTo}; where one is (IPVS), --topology file:PATH tells`,
        ]
      : []),
    ...(sameMapping > 0
      ? [
          `${sameMapping} pickup${sameMapping === 1 ? '' : 's'} by the same backend as before ${sameMapping === 1 ? 'was' : 'were'} reset or not answered: that is not the lost entry's fault, and no broken connection`,
        ]
      : []),
    ...(total > 0 && events.destroy === 0
      ? ['the recording has no DESTROY events: what was lost, and what was reset, cannot be told']
      : []),
    ...(unknown > 0 && events.update === 0 && events.destroy > 0
      ? [
          `the recording has no UPDATE events: what became of ${unknown} mid-stream pickup${unknown === 1 ? '' : 's'} whose entry was still there at its end cannot be told`,
        ]
      : []),
  ];
}

function shownText(bytes: Uint8Array): string {
  const text = printable(oneLine(Buffer.from(bytes.subarray(0, MAX_TEXT)).toString('utf8')));
  return `"${text}${bytes.length > MAX_TEXT ? '...' : ''}"`;
}
