import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, WriteStream } from 'node:tty';
import type { TextSink } from './line-output.ts';

const STDOUT = 1;

/** stdout as a stream of our own, because process.stdout waits for a terminal and cannot be given up. */
export interface Stdout extends TextSink {
  readonly isTerminal: boolean;
  /** Gives up what was not taken yet. */
  close(): void;
}

/**
 * A pipe, a socket or a terminal is written to without waiting; a file takes everything at once. Errors come to the
 * callback of the write.
 */
export function openStdout(): Stdout {
  const isTerminal = isatty(STDOUT);
  const stat = fstatSync(STDOUT);
  if (!isTerminal && !stat.isFIFO() && !stat.isSocket()) {
    return { isTerminal, write: writeToFile, close: () => {} };
  }
  const stream = isTerminal ? openTerminal() : new Socket({ fd: STDOUT, readable: false, writable: true });
  // The write that failed has been told already.
  stream.on('error', () => {});
  return {
    isTerminal,
    write: (text, onWritten) => void stream.write(text, onWritten),
    close: () => stream.destroy(),
  };
}

/**
 * Node.js makes terminals wait: after Ctrl-S nothing else would happen until Ctrl-Q. The handle is a duplicate of the
 * terminal, opened by libuv, so that no other program that has it is affected.
 */
function openTerminal(): WriteStream {
  const stream = new WriteStream(STDOUT);
  const { _handle: handle } = stream as { _handle?: { setBlocking?: (blocking: boolean) => void } };
  handle?.setBlocking?.(false);
  return stream;
}

function writeToFile(text: string, onWritten: (error?: Error) => void): void {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
    onWritten();
  } catch (error) {
    onWritten(error as Error);
  }
}
