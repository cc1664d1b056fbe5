import { closeSync, constants, fstatSync, openSync, read } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { UsageError } from '../../config/parse.ts';

const CHUNK_BYTES = 2 ** 18;
const STANDARD_INPUT = 0;
const readFrom = promisify(read);

/** Where a recording comes from. */
export interface RecordingSource {
  /** For messages. */
  readonly name: string;
  /** Bytes, if it is a file. */
  readonly size: number | undefined;
  /** Its bytes in pieces, each of which is the reader's only until it asks for the next. An aborted `stop` ends them. */
  chunks(stop: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Throws a UsageError that says what cannot be opened and why. */
export function openRecording(argument: string): RecordingSource {
  const isStandard = argument === '-';
  const name = isStandard ? 'standard input' : argument;
  const fd = isStandard ? STANDARD_INPUT : open(argument);
  const stats = fstatSync(fd);
  if (stats.isDirectory()) throw new UsageError(`replay: ${name} is a directory; it takes one file`);
  const close = () => {
    if (!isStandard) closeSync(fd);
  };
  if (stats.isFile()) {
    return { name, size: stats.size, chunks: (stop) => readFile(fd, name, stop, close) };
  }
  const isPipe = stats.isFIFO() || stats.isSocket();
  if (!isStandard && !isPipe) {
    return { name, size: undefined, chunks: (stop) => readFile(fd, name, stop, close) };
  }
  // A pipe is read as a socket, so that a read that waits can be given up.
  const stream = isStandard ? process.stdin : new Socket({ fd, readable: true, writable: false });
  return { name, size: undefined, chunks: (stop) => readStream(stream, name, stop) };
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    throw new UsageError(`replay: cannot read ${path}: ${reason(error)}`);
  }
}

async function* readFile(
  fd: number,
  name: string,
  stop: AbortSignal,
  close: () => void,
): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  try {
    while (!stop.aborted) {
      const { bytesRead } = await readFrom(fd, buffer, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw new UsageError(`replay: cannot read ${name}: ${reason(error)}`);
  } finally {
    close();
  }
}

async function* readStream(
  stream: Readable,
  name: string,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  addAbortSignal(stop, stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (!stop.aborted) throw new UsageError(`replay: cannot read ${name}: ${reason(error)}`);
  } finally {
    stream.destroy();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}
