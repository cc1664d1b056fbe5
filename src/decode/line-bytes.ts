/** Words and numbers in the bytes of a line, read in place. */

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether these bytes stand at `at`, and not beyond `to`. */
export function isAt(bytes: Uint8Array, at: number, to: number, word: Uint8Array): boolean {
  if (to - at < word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Where the token that begins at `from` ends: at the next space, or at `to`. */
export function tokenEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== 0x20) at++;
  return at;
}

/** Ten digits are what 32 bits take. */
const MOST_DIGITS = 10;

/** The whole number from `from` to `to`, -1 if that is none, or a longer one. */
export function numberAt(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to || to - from > MOST_DIGITS) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (!isDigit(byte)) return -1;
    value = value * 10 + byte - 0x30;
  }
  return value;
}
