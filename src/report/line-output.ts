/** Where text goes. `write` calls back when it has been taken, or with what went wrong. */
export interface TextSink {
  write(text: string, onWritten: (error?: Error | null) => void): void;
}

export interface LineOutputOptions {
  readonly sink: TextSink;
  /** The line that stands for what was left out. */
  readonly skipped: (events: number, findings: number) => string;
  /** The line that stands for what the kernel dropped. */
  readonly lost: (lost: number) => string;
  /** Called once, when nothing can be written any more. */
  readonly onFailed: (error: Error) => void;
  /** How much may wait: events up to this, findings to half as much again. */
  readonly maxWaiting?: number;
}

/** Characters of a write: fewer cost a system call for little, more hold up the reader. */
const CHUNK = 65_536;
/** Some 60,000 lines: minutes of a busy node while somebody looks at a paused screen. */
const MAX_WAITING = 16 * 2 ** 20;

/**
 * Lines for a reader who may be slow, or pause for a while (a terminal after Ctrl-S, `less`): they wait, in order, up to
 * a bound. Beyond it events are left out, until half of what waits is read; what was left out is counted in its place.
 * Findings are fewer and matter more, so they have room of their own above the events'. Nothing here ever blocks.
 */
export class LineOutput {
  readonly #options: LineOutputOptions;
  readonly #max: number;
  readonly #chunks: string[] = [];
  #chunk = '';
  #waiting = 0;
  #isWriting = false;
  #isFlushing = false;
  #isFull = false;
  #hasFailed = false;
  #skippedEvents = 0;
  #skippedFindings = 0;
  #lost = 0;
  #onProgress = () => {};

  constructor(options: LineOutputOptions) {
    this.#options = options;
    this.#max = options.maxWaiting ?? MAX_WAITING;
  }

  /** Whether an event's line would be written now; otherwise it counts as left out. */
  takesEvent(): boolean {
    if (this.#isFull && this.#waiting <= this.#max / 2) this.#isFull = false;
    if (!this.#isFull && this.#waiting >= this.#max) this.#isFull = true;
    if (this.#isFull) this.#skippedEvents++;
    return !this.#isFull;
  }

  takesFinding(): boolean {
    const takes = this.#waiting < this.#max * 1.5;
    if (!takes) this.#skippedFindings++;
    return takes;
  }

  /** The line of an event or a finding that is taken. */
  line(text: string): void {
    this.#tellMissing();
    this.#append(text);
  }

  /** The kernel dropped events here. */
  lost(count: number): void {
    this.#lost += count;
    if (!this.#isFull) this.#tellMissing();
  }

  /** Writes all that waits; gives up when nothing of it was taken for so long, or all in all. True if all was written. */
  async end(patienceMs: number, mostMs: number): Promise<boolean> {
    this.#tellMissing();
    this.#flush();
    const deadline = performance.now() + mostMs;
    while (this.#waiting > 0 && !this.#hasFailed) {
      const before = this.#waiting;
      const leftMs = Math.min(patienceMs, deadline - performance.now());
      if (leftMs <= 0) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#onProgress = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.#waiting === before) break;
    }
    return this.#waiting === 0;
  }

  #tellMissing(): void {
    if (this.#skippedEvents > 0 || this.#skippedFindings > 0) {
      this.#append(this.#options.skipped(this.#skippedEvents, this.#skippedFindings));
      this.#skippedEvents = 0;
      this.#skippedFindings = 0;
    }
    if (this.#lost > 0) {
      this.#append(this.#options.lost(this.#lost));
      this.#lost = 0;
    }
  }

  #append(text: string): void {
    if (this.#hasFailed) return;
    this.#chunk += text;
    this.#waiting += text.length;
    if (this.#chunk.length >= CHUNK) this.#flush();
    else if (!this.#isFlushing && !this.#isWriting) {
      // What else this turn of the event loop brings goes with it.
      this.#isFlushing = true;
      setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#chunk !== '') this.#chunks.push(this.#chunk);
    this.#chunk = '';
    this.#writeNext();
  }

  /** One write at a time, so that it is known how far the reader has come. */
  #writeNext(): void {
    const text = this.#isWriting || this.#hasFailed ? undefined : this.#chunks.shift();
    if (text === undefined) return;
    this.#isWriting = true;
    this.#options.sink.write(text, (error) => {
      this.#isWriting = false;
      if (error) return this.#fail(error);
      this.#waiting -= text.length;
      this.#onProgress();
      if (this.#chunks.length === 0) this.#flush();
      else this.#writeNext();
    });
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#chunks.length = 0;
    this.#chunk = '';
    this.#onProgress();
    this.#options.onFailed(error);
  }
}
