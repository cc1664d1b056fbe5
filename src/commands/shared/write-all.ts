/** Writes to stdout as fast as it is read. A reader that goes away (`| head`) ends it quietly. */
export async function writeAll(pieces: Iterable<string>): Promise<void> {
  const { stdout } = process;
  let failure: NodeJS.ErrnoException | undefined;
  let goOn = () => {};
  const onError = (error: NodeJS.ErrnoException) => {
    failure = error;
    goOn();
  };
  const onDrain = () => goOn();
  stdout.on('error', onError).on('drain', onDrain);
  for (const piece of pieces) {
    if (failure) break;
    if (stdout.write(piece)) continue;
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
  }
  // A write that is still on its way may fail after this: the listener for that stays.
  stdout.off('drain', onDrain);
  if (failure && failure.code !== 'EPIPE') throw failure;
}
