/**
 * Foreign text made fit for one line of a message: control characters and line breaks become a space, and what
 * is longer than `maxLength` UTF-16 units is cut and marked with `…`.
 */
export function oneLine(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  const flat = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  return flat.length <= maxLength ? flat : `${flat.slice(0, maxLength).toWellFormed()}…`;
}
