import { clearLine, cursorTo } from 'node:readline';

/** A bar on stderr that tells how much of a file was read. */
export interface ProgressBar {
  update(bytes: number): void;
  /** Takes the bar away, so that a line may be written where it was. */
  hide(): void;
  show(): void;
  stop(): void;
}

const MIB = 2 ** 20;
const SAVE_CURSOR = '\x1b7';

/** The library is loaded only when there is a bar. */
export async function createProgressBar(totalBytes: number): Promise<ProgressBar> {
  const { default: cliProgress } = await import('cli-progress');
  const { stderr } = process;
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% of {total} MiB, {eta_formatted} left',
    barCompleteChar: '#',
    barIncompleteChar: '.',
    stream: stderr,
    clearOnComplete: true,
    barsize: 30,
    // It would be switched off for the report too, whose lines are longer than a terminal is wide.
    linewrap: true,
    // It may have been hidden.
    forceRedraw: true,
    // main.ts alone listens to signals.
    gracefulExit: false,
    formatValue: (value, _options, type) =>
      type === 'percentage' ? String(value).padStart(3) : String(Math.ceil(value / MIB)),
  });
  bar.start(totalBytes, 0);
  return {
    update: (bytes) => bar.update(bytes),
    hide() {
      cursorTo(stderr, 0);
      clearLine(stderr, 0);
    },
    show: () => bar.render(),
    stop() {
      // It goes back to where the cursor was saved when it began, and lines were written since.
      stderr.write(SAVE_CURSOR);
      bar.stop();
    },
  };
}
