/**
 * Splits JSON objects written one after the other (`{…}{…}`, white space between them allowed) into the text of
 * each. Looks at braces and strings only; whether a part is valid JSON is for its parser to say. Undefined if
 * there is anything else between the objects, or the text ends inside one.
 */
export function splitJsonObjects(text: string): string[] | undefined {
  const parts: string[] = [];
  let at = nextSolid(text, 0);
  while (at < text.length) {
    if (text[at] !== '{') return undefined;
    const end = endOfObject(text, at);
    if (end === undefined) return undefined;
    parts.push(text.slice(at, end));
    at = nextSolid(text, end);
  }
  return parts;
}

/** Where the next character is that is no white space, or the end of the text. */
function nextSolid(text: string, from: number): number {
  return find(/[^ \t\r\n]/g, text, from) ?? text.length;
}

/** Just behind the brace that closes the one at `start`. Undefined if there is none. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let at: number | undefined = start;
  while (at !== undefined) {
    if (text[at] === '"') at = endOfString(text, at + 1);
    else {
      depth += text[at] === '{' ? 1 : -1;
      at += 1;
      if (depth === 0) return at;
    }
    at = at && find(/["{}]/g, text, at);
  }
  return undefined;
}

/** Just behind the closing quote. A backslash takes the character after it out of play. */
function endOfString(text: string, from: number): number | undefined {
  let at = find(/["\\]/g, text, from);
  while (at !== undefined && text[at] === '\\') at = find(/["\\]/g, text, at + 2);
  return at === undefined ? undefined : at + 1;
}

function find(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index;
}
