import { oneLine } from '../lib/one-line.ts';

/** Where in a topology file something is wrong; documents, lines and items as far as they are known. */
export interface FilePlace {
  readonly path: string;
  /** Counted from 1. */
  readonly document?: number;
  /** Counted from 1. */
  readonly line?: number;
  /** Index in the document's `items`. */
  readonly item?: number | undefined;
  /** `Service shop/redis`. */
  readonly object?: string;
}

/**
 * A topology file that cannot be used. One line:
 * `topology file /x/y.yaml, document 2, items[4] (Service shop/redis): spec.ports[0].port: expected a port number, got "abc"`.
 * `code` is `syntax` (no YAML, no JSON), `object` (not what the Kubernetes API says) or `empty` (nothing of use).
 */
export class TopologyFileError extends Error {
  readonly code: 'syntax' | 'object' | 'empty';

  constructor(code: TopologyFileError['code'], place: FilePlace, reason: string, options?: ErrorOptions) {
    super(oneLine(`topology file ${placeText(place)}${code === 'empty' ? '' : ':'} ${reason}`), options);
    this.name = 'TopologyFileError';
    this.code = code;
  }
}

function placeText({ path, document, line, item, object }: FilePlace): string {
  let text = path;
  if (document !== undefined) text += `, document ${document}`;
  if (line !== undefined) text += `, line ${line}`;
  if (item !== undefined) text += `, items[${item}]`;
  if (object !== undefined) text += ` (${object})`;
  return text;
}
