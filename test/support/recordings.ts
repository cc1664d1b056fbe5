import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRecording, type RecordingCounts } from '../../src/commands/replay/recording.ts';
import { LineSplitter } from '../../src/lib/line-splitter.ts';
import type { Finding } from '../../src/model/finding.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/events');

/** Recorded text of `conntrack -E -o timestamp,id`, by kernel and name: `6.18/flush`. */
export function readRecordings(): ReadonlyMap<string, Buffer> {
  const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const path = ({ parentPath, name }: Dirent) => join(parentPath, name);
  return new Map(
    files
      .map((file) => path(file))
      .sort()
      .map((file) => [file.slice(FOLDER.length + 1).replace(/\.txt$/, ''), readFileSync(file)]),
  );
}

export interface ReplayOptions {
  readonly confirmWindowMs?: number;
  readonly isServiceAddress?: (ip: string, port: number) => boolean;
  /** The recording is read no further. */
  readonly cut?: boolean;
}

/** A finding of a recording, and the line that decided. */
export interface Told {
  readonly finding: Finding;
  readonly line: number | undefined;
}

/** Everything that a recording tells. */
export function replayText(text: string | Uint8Array, options: ReplayOptions = {}) {
  const told: Told[] = [];
  const unreadable: number[] = [];
  const recording = createRecording({
    confirmWindowMs: options.confirmWindowMs ?? 2000,
    isServiceAddress: options.isServiceAddress ?? (() => false),
    onFinding: (finding, line) => told.push({ finding, line }),
    onUnreadable: (line) => unreadable.push(line),
    onOther: () => {},
  });
  const splitter = new LineSplitter(8192, {
    line: (bytes, from, to, isLast) => recording.take(bytes, from, to, isLast),
    tooLong: (beginning) => recording.skipLong(beginning),
  });
  splitter.push(Buffer.from(text));
  splitter.end();
  recording.end(options.cut ?? false);
  const counts: RecordingCounts = recording.counts;
  return { told, unreadable, counts };
}

/** Pickups in short: the client's port, what became of it, and why. */
export function pickupsInShort(told: readonly Told[]): string[] {
  return told.flatMap(({ finding }) =>
    finding.kind === 'pickup'
      ? [
          `${finding.connection.sport} ${finding.verdict} ${finding.mapping} ${finding.cause}${finding.sender === 'server' ? ' server' : ''}${finding.broken ? ' broken' : ''}`,
        ]
      : [],
  );
}
