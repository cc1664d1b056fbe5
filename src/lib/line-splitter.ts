export interface LineSink {
  /** A line, without its line feed; the bytes are the sink's until it returns. `isLast`: it had no line feed. */
  line(bytes: Uint8Array, from: number, to: number, isLast: boolean): void;
  /** A line longer than is looked at; its beginning. */
  tooLong(beginning: Uint8Array): void;
}

const LINE_FEED = 0x0a;

/** Cuts a stream of bytes into lines, in memory that no line can make grow. */
export class LineSplitter {
  readonly #sink: LineSink;
  /** The beginning of a line whose end has not come. */
  readonly #carried: Uint8Array;
  #length = 0;

  constructor(maxLength: number, sink: LineSink) {
    this.#carried = new Uint8Array(maxLength);
    this.#sink = sink;
  }

  /** The bytes so far of a line whose end has not come. */
  get openLength(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, at)) {
      if (this.#length > 0) {
        this.#carry(chunk, at, end);
        this.#flush(false);
      } else if (end - at > this.#carried.length) {
        this.#sink.tooLong(chunk.subarray(at, at + this.#carried.length));
      } else {
        this.#sink.line(chunk, at, end, false);
      }
      at = end + 1;
    }
    this.#carry(chunk, at, chunk.length);
  }

  end(): void {
    if (this.#length > 0) this.#flush(true);
  }

  #carry(chunk: Uint8Array, from: number, to: number): void {
    const room = this.#carried.length - this.#length;
    if (room > 0) this.#carried.set(chunk.subarray(from, Math.min(to, from + room)), this.#length);
    this.#length += to - from;
  }

  #flush(isLast: boolean): void {
    const length = this.#length;
    this.#length = 0;
    if (length > this.#carried.length) this.#sink.tooLong(this.#carried);
    else this.#sink.line(this.#carried, 0, length, isLast);
  }
}
