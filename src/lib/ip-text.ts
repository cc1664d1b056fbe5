/**
 * Texts of the addresses seen last, by their last bits: in a flood the same few addresses come four at a time, a
 * hundred thousand times. Only a memory of what was computed; nothing depends on it.
 */
const MEMORY = 1024;
const words = new Uint32Array(MEMORY);
const texts = new Array<string>(MEMORY).fill('0.0.0.0');

/** Four bytes at `at` as dotted decimal. The caller has checked that they are there. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  const word = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  const place = (word ^ (word >>> 10)) % MEMORY;
  if (words[place] !== word) {
    words[place] = word;
    texts[place] = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  }
  return texts[place]!;
}

/** Sixteen bytes at `at` in the canonical text of RFC 5952. The caller has checked that they are there. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${ipv4Text(bytes, at + 12)}`;
  }
  const { start, length } = longestZeroRun(groups);
  const text = groups.map((group) => group.toString(16));
  if (length < 2) return text.join(':');
  return `${text.slice(0, start).join(':')}::${text.slice(start + length).join(':')}`;
}

/** The first of the longest runs of zero groups: RFC 5952, section 4.2.3. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    if (end > i) i = end;
  }
  return best;
}

/** Text of an IPv4 or IPv6 address to its 4 or 16 bytes. Throws a RangeError on anything else. */
export function ipBytes(text: string): Uint8Array {
  if (!text.includes(':')) return ipv4Bytes(text);
  const embedded = text.lastIndexOf(':') + 1;
  let rest = text;
  if (text.includes('.')) {
    const [a, b, c, d] = ipv4Bytes(text.slice(embedded));
    rest = `${text.slice(0, embedded)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  }
  const [head, tail, more] = rest.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const zeros = 8 - left.length - right.length;
  if (more !== undefined || (tail === undefined ? zeros !== 0 : zeros < 1)) throw notAnAddress(text);
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right];
  const bytes = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) throw notAnAddress(text);
    const value = Number.parseInt(group, 16);
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 0xff;
  }
  return bytes;
}

function ipv4Bytes(text: string): Uint8Array {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) {
    throw notAnAddress(text);
  }
  return Uint8Array.from(parts, Number);
}

function notAnAddress(text: string): RangeError {
  return new RangeError(`${JSON.stringify(text)} is not an IP address`);
}

const scratch = new DataView(new ArrayBuffer(16));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Text of an address given as words, most significant first: one for IPv4, four for IPv6. */
export function wordsText(words: Uint32Array, at: number, v6: boolean): string {
  for (let i = 0; i < (v6 ? 4 : 1); i++) scratch.setUint32(i * 4, words[at + i]!);
  return v6 ? ipv6Text(scratchBytes, 0) : ipv4Text(scratchBytes, 0);
}

/** Text of an address to words at `into[at]`. True if it is IPv6. Throws a RangeError on anything else. */
export function textWords(text: string, into: Uint32Array, at: number): boolean {
  if (!text.includes(':')) {
    into[at] = ipv4Word(text);
    return false;
  }
  const bytes = ipBytes(text);
  for (let i = 0; i < 4; i++) {
    into[at + i] =
      (bytes[4 * i]! << 24) | (bytes[4 * i + 1]! << 16) | (bytes[4 * i + 2]! << 8) | bytes[4 * i + 3]!;
  }
  return true;
}

/** Makes nothing on the way: a flush asks for a hundred thousand. */
function ipv4Word(text: string): number {
  let word = 0;
  let part = 0;
  let digits = 0;
  let parts = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e && digits > 0) {
      word = (word << 8) | part;
      part = 0;
      digits = 0;
      parts++;
    } else if (code >= 0x30 && code <= 0x39 && digits < 3) {
      part = part * 10 + code - 0x30;
      digits++;
      if (part > 255) throw notAnAddress(text);
    } else throw notAnAddress(text);
  }
  if (parts !== 4 || digits === 0) throw notAnAddress(text);
  return ((word << 8) | part) >>> 0;
}
