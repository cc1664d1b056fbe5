import { readFile } from 'node:fs/promises';
import { changingTopology } from '../../enrich/changing-topology.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Topology } from '../../model/topology.ts';
import { fileVersion } from './file-version.ts';
import { type FileTopology, parseTopologyFile } from './load-topology.ts';

/** Whoever changed the file so short a time ago may not be done with it. */
const QUIET_MS = 1000;

export interface FollowFileOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Called when the file changed and its names are in use. */
  readonly onLoaded: (names: FileTopology) => void;
  /** Called when the file cannot be used, once until that changes. The names stay as they were. */
  readonly onProblem: (reason: string) => void;
}

export interface FollowedFile {
  /** The names that were loaded last. */
  readonly topology: Topology;
  /** Takes the file's new content, if it has one. Never rejects. */
  look(): Promise<void>;
  /** What is being read is not taken any more. */
  stop(): void;
}

/**
 * Follows a file that was read once. A new version is read when it is a second old, and taken if it is whole: it did not
 * change while it was read, and it makes sense. Each is read once; one that cannot be read is tried again.
 */
export function followFile(
  first: FileTopology,
  { clock, onLoaded, onProblem }: FollowFileOptions,
): FollowedFile {
  const { path, nodeName } = first.file;
  const stopping = new AbortController();
  const { signal } = stopping;
  let topology: Topology = first.topology;
  /** The one that was judged last, good or bad. */
  let judged: string | undefined = first.file.version;
  let said: string | undefined;

  const fail = (error: unknown) => {
    const { message } = error as Error;
    if (message === said || signal.aborted) return;
    said = message;
    onProblem(message);
  };
  const take = async () => {
    let text: string;
    let version: string;
    try {
      const before = await fileVersion(path);
      version = before.text;
      if (version === judged) return;
      if (!before.isRegular) return fail(new Error(`topology file ${path}: no regular file`));
      // A clock that is far ahead, or behind, is another machine's.
      if (Math.abs(clock.wallMs() - before.modifiedAtMs) < QUIET_MS) return;
      text = await readFile(path, { encoding: 'utf8', signal });
      if ((await fileVersion(path)).text !== version) return;
    } catch (error) {
      judged = undefined;
      return fail(error);
    }
    judged = version;
    try {
      const names = await parseTopologyFile(text, { path, nodeName, version });
      if (signal.aborted) return;
      topology = names.topology;
      said = undefined;
      onLoaded(names);
    } catch (error) {
      fail(error);
    }
  };

  let taking: Promise<void> | undefined;
  return {
    topology: changingTopology(() => topology),
    look() {
      taking ??= take().finally(() => {
        taking = undefined;
      });
      return taking;
    },
    stop: () => stopping.abort(),
  };
}
