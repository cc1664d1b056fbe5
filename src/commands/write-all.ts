import { once } from 'node:events';

/** Writes to stdout as fast as it is read. A reader that goes away (`| head`) ends it quietly. */
export async function writeAll(pieces: Iterable<string>): Promise<void> {
  let closed = false;
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
  };
  process.stdout.on('error', onError);
  for (const piece of pieces) {
    if (closed) return;
    if (!process.stdout.write(piece))
      await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]);
  }
}
