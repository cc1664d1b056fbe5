const MARK = '…';
const MARK_BYTES = 3;

/** The text if it has at most `maxBytes` bytes as UTF-8, else as many whole characters as fit, and `…`. */
export function cutUtf8(text: string, maxBytes: number): string {
  const encoder = new TextEncoder();
  if (encoder.encodeInto(text, new Uint8Array(maxBytes)).read === text.length) return text;
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(maxBytes - MARK_BYTES)).read) + MARK;
}
