const NEWLINE = 0x0a;

/** In place of a line that was longer than allowed. */
export const TOO_LONG = Symbol('too long');

/**
 * Cuts a byte stream into lines of UTF-8 text, wherever the stream itself is cut: a character may begin in one chunk
 * and end in the next. A longer line than `maxBytes` is passed over without being kept, and TOO_LONG stands for it.
 * Empty lines are left out. What has no newline at the end of the stream is no line.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isTooLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that this chunk ends. The chunk's memory may be kept until its last line is complete. */
  *push(chunk: Uint8Array): Generator<string | typeof TOO_LONG> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      from = end + 1;
      const isTooLong = this.#isTooLong;
      const line = textOf(this.#parts);
      this.#parts = [];
      this.#bytes = 0;
      this.#isTooLong = false;
      if (isTooLong) yield TOO_LONG;
      else if (line.trim() !== '') yield line;
    }
    this.#add(chunk.subarray(from));
  }

  #add(part: Uint8Array): void {
    if (part.length === 0 || this.#isTooLong) return;
    this.#bytes += part.length;
    this.#isTooLong = this.#bytes > this.#maxBytes;
    if (this.#isTooLong) this.#parts = [];
    else this.#parts.push(part);
  }
}

/** A line within one chunk is not copied first: memory outside of V8's heap makes it collect all of that. */
function textOf(parts: readonly Uint8Array[]): string {
  const [part, ...others] = parts;
  if (part === undefined || others.length > 0) return Buffer.concat(parts).toString('utf8');
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('utf8');
}
