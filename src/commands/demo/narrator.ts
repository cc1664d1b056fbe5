import { styleText } from 'node:util';
import { wrapText } from '../../lib/wrap-text.ts';

const WIDTH = 100;
/** Where the text of a scene begins. */
const INDENT = 22;
type Style = Parameters<typeof styleText>[0];

/** How the demo writes: scenes with the time since the story began, and what stands below them. */
export interface Narrator {
  write(text: string): void;
  paint(style: Style, text: string): string;
  heading(text: string): void;
  /** Times are counted from now. */
  begin(title: string): void;
  scene(who: string, text: string): void;
  /** Below a scene, as it is. */
  row(text: string): void;
  /** Below a scene, broken where it is too long. */
  remark(text: string): void;
  /** On its own, `indent` from the left. */
  paragraph(indent: number, text: string, style?: Style): void;
}

export function createNarrator(write: (text: string) => void, color: boolean): Narrator {
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  let begunAtMs = 0;
  const heading = (text: string) => write(`\n${paint('bold', text)}`);
  const row = (text: string) => write(`${' '.repeat(INDENT)}${text}`);
  return {
    write,
    paint,
    heading,
    row,
    begin(title) {
      begunAtMs = performance.now();
      heading(title);
    },
    scene(who, text) {
      const seconds = `+${((performance.now() - begunAtMs) / 1000).toFixed(2)} s`;
      const [first = '', ...rest] = wrapText(text, WIDTH - INDENT);
      write(`  ${paint('dim', seconds.padEnd(9))}${paint('bold', who.padEnd(10))} ${first}`);
      for (const line of rest) row(line);
    },
    remark(text) {
      for (const line of wrapText(text, WIDTH - INDENT)) row(paint('dim', line));
    },
    paragraph(indent, text, style) {
      for (const line of wrapText(text, WIDTH - indent)) {
        write(`${' '.repeat(indent)}${style === undefined ? line : paint(style, line)}`);
      }
    },
  };
}
