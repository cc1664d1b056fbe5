/** stdout of a command that writes as it goes on. */
export interface TextOutput {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** The reader went away (`| head`): nothing that is written arrives any more. */
  isClosed(): boolean;
  /** Throws if stdout failed in another way than by a reader that went away. */
  check(): void;
}

export function createTextOutput(): TextOutput {
  const { stdout } = process;
  let failure: NodeJS.ErrnoException | undefined;
  let goOn = () => {};
  // The listeners stay: a write that is still on its way may fail at any time.
  stdout.on('drain', () => goOn());
  stdout.on('error', (error) => {
    failure = error;
    goOn();
  });
  return {
    async write(text) {
      if (failure || text === '' || stdout.write(text)) return;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
    isClosed: () => failure !== undefined,
    check() {
      if (failure && failure.code !== 'EPIPE') throw failure;
    },
  };
}
