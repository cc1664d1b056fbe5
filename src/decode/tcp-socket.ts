import type { TcpSocket } from '../model/tcp-socket.ts';

/** Lines of tcp are 150 bytes, of tcp6 up to some 200. */
const LONGEST_LINE = 512;
const ADDRESS_WORDS = 4;
/** What separates the groups of an IPv4-mapped IPv6 address from its IPv4 address: `::ffff:a.b.c.d`. */
const MAPPED = 0xffff;
/** A timer is set at most INT_MAX jiffies ahead, and a jiffy is at most 1/100 s. */
const LATEST_TIMER = 0x7fffffff;
const MOST_TIMER_DIGITS = 16;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const NO_DIGIT = -1;
/** Value of a hexadecimal digit, by its byte. */
const DIGITS = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
);

/**
 * Reads /proc/PID/net/tcp, or tcp6 if `v6`, from its bytes as they come: a line may be cut anywhere. Makes no object
 * for a line: `onSocket` is given the same one each time, with the same words, to be copied from at once. Columns as
 * get_tcp4_sock (net/ipv4/tcp_ipv4.c) and get_tcp6_sock print them, all of fixed width but the first and the timer:
 *
 *     sl: local:port remote:port st tx:rx tr:tm->when retrnsmt ...
 *
 * An address is printed as 32-bit words of the host, which is little-endian on all machines this runs on.
 */
export class TcpSocketReader {
  readonly #v6: boolean;
  readonly #socket: { -readonly [Column in keyof TcpSocket]: TcpSocket[Column] };
  /** The beginning of a line that the last chunk ended in, up to its newline. */
  readonly #cut = new Uint8Array(LONGEST_LINE + 1);
  #cutLength = 0;
  #isHeading = true;
  #malformed = 0;
  // The line that is read. Its newline is behind it, and nothing steps over that: so no read leaves the memory.
  #bytes: Uint8Array = this.#cut;
  #at = 0;
  #fits = true;

  constructor(v6: boolean) {
    this.#v6 = v6;
    this.#socket = {
      v6,
      words: new Uint32Array(2 * ADDRESS_WORDS),
      localPort: 0,
      remotePort: 0,
      state: 0,
      timer: 0,
      timerHundredths: 0,
    };
  }

  /** The next bytes of the file. Calls back for each line that they complete. */
  push(bytes: Uint8Array, onSocket: (socket: TcpSocket) => void): void {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      const next = end + 1;
      if (this.#cutLength === 0) {
        this.#line(bytes, start, next - start, onSocket);
      } else {
        this.#keep(bytes, start, next);
        const length = this.#cutLength;
        this.#cutLength = 0;
        this.#line(this.#cut, 0, length, onSocket);
      }
      start = next;
    }
    this.#keep(bytes, start, bytes.length);
  }

  /** The end of the file. How many of its lines were malformed; the reader is then ready for another file. */
  end(): number {
    const malformed = this.#malformed + (this.#cutLength > 0 ? 1 : 0);
    this.#cutLength = 0;
    this.#malformed = 0;
    this.#isHeading = true;
    return malformed;
  }

  /** Of a line that is too long, only that is kept. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#cutLength + end - start;
    if (length <= this.#cut.length) this.#cut.set(bytes.subarray(start, end), this.#cutLength);
    this.#cutLength = Math.min(length, this.#cut.length + 1);
  }

  /** `length` includes the newline. */
  #line(bytes: Uint8Array, start: number, length: number, onSocket: (socket: TcpSocket) => void): void {
    if (this.#isHeading) {
      this.#isHeading = false;
    } else if (length <= this.#cut.length && this.#parse(bytes, start)) {
      onSocket(this.#socket);
    } else {
      this.#malformed += 1;
    }
  }

  #parse(bytes: Uint8Array, start: number): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#fits = true;
    const socket = this.#socket;
    this.#skipNumber();
    this.#expect(COLON);
    this.#expect(SPACE);
    this.#address(0);
    this.#expect(COLON);
    socket.localPort = this.#hex(4);
    this.#expect(SPACE);
    this.#address(ADDRESS_WORDS);
    this.#expect(COLON);
    socket.remotePort = this.#hex(4);
    this.#expect(SPACE);
    socket.state = this.#hex(2);
    this.#expect(SPACE);
    this.#hex(8);
    this.#expect(COLON);
    this.#hex(8);
    this.#expect(SPACE);
    socket.timer = this.#hex(2);
    this.#expect(COLON);
    socket.timerHundredths = this.#hundredths();
    this.#expect(SPACE);
    if (this.#v6) this.#unmap();
    return this.#fits;
  }

  /** Column `sl`, the only decimal one here, is padded to be as wide as it mostly is. */
  #skipNumber(): void {
    while (this.#bytes[this.#at] === SPACE) this.#at += 1;
    const start = this.#at;
    while (this.#bytes[this.#at]! >= ZERO && this.#bytes[this.#at]! <= NINE) this.#at += 1;
    if (this.#at === start) this.#fits = false;
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] === byte) this.#at += 1;
    else this.#fits = false;
  }

  /** At most eight digits. */
  #hex(digits: number): number {
    let value = 0;
    for (let i = 0; i < digits; i++) {
      const digit = this.#digit();
      if (digit === NO_DIGIT) {
        this.#fits = false;
        return 0;
      }
      value = (value << 4) | digit;
    }
    return value >>> 0;
  }

  #digit(): number {
    const digit = DIGITS[this.#bytes[this.#at]!]!;
    if (digit !== NO_DIGIT) this.#at += 1;
    return digit;
  }

  /**
   * An unsigned long. The kernel shows a timer that is overdue as 0 (jiffies_delta_to_clock_t); one that did not would
   * show a negative number as a huge one.
   */
  #hundredths(): number {
    let value = 0;
    const start = this.#at;
    for (let digit = this.#digit(); digit !== NO_DIGIT; digit = this.#digit()) value = value * 16 + digit;
    const digits = this.#at - start;
    if (digits === 0 || digits > MOST_TIMER_DIGITS) this.#fits = false;
    return value > LATEST_TIMER ? 0 : value;
  }

  #address(first: number): void {
    const { words } = this.#socket;
    const count = this.#v6 ? ADDRESS_WORDS : 1;
    for (let i = 0; i < count; i++) {
      const word = this.#hex(8);
      words[first + i] = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
    }
  }

  /** An IPv6 socket's IPv4 connection is one like any other. */
  #unmap(): void {
    const { words } = this.#socket;
    const isMapped = (at: number) => words[at] === 0 && words[at + 1] === 0 && words[at + 2] === MAPPED;
    this.#socket.v6 = !(isMapped(0) && isMapped(ADDRESS_WORDS));
    if (this.#socket.v6) return;
    const [local, remote] = [words[3]!, words[7]!];
    words.fill(0);
    words[0] = local;
    words[ADDRESS_WORDS] = remote;
  }
}
