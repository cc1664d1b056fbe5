import { lineNumber } from '../lib/line-number.ts';
import { splitJsonObjects } from '../lib/split-json-objects.ts';
import { addDocument } from './topology-document.ts';
import { TopologyFileError } from './topology-file-error.ts';
import { TopologyIndex } from './topology-index.ts';

/** `core`: YAML 1.2 whatever the file claims, so that no scalar becomes a Date. stringKeys: as in JSON. */
const YAML_OPTIONS = {
  schema: 'core',
  resolveKnownTags: false,
  stringKeys: true,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** How often aliases may multiply what an anchor holds. kubectl writes none; nested ones can fill the memory. */
const MAX_ALIAS_COUNT = 100;

/** Text that begins like JSON but is none is read as YAML up to this many characters: YAML tells the line. */
const MAX_JSON_AS_YAML = 4 * 1024 * 1024;

/**
 * Reads what `kubectl get services,endpointslices,pods -A -o yaml` (or json) prints: one document or several, each
 * an object, a List or a typed list; JSON objects may also stand one after the other. `path` is for messages only.
 * Objects of other kinds are left out, each told to `onIgnored` by its kind. `nodeName` is this node, as in
 * TopologyIndex. Throws TopologyFileError.
 *
 * JSON is the better choice for a big cluster: 25 MB of YAML took 20 s and 1.4 GB, 87 MB of JSON 0.8 s and 0.3 GB.
 */
export async function parseTopologyText(
  text: string,
  path: string,
  onIgnored: (kind: string) => void = () => {},
  nodeName?: string,
): Promise<TopologyIndex> {
  return await readInto(new TopologyIndex(nodeName), text, path, onIgnored);
}

/** The same into an index that is there; returns it. */
export async function readInto<T extends TopologyIndex>(
  index: T,
  text: string,
  path: string,
  onIgnored: (kind: string) => void = () => {},
): Promise<T> {
  let number = 0;
  let used = 0;
  let others = 0;
  const ignore = (kind: string) => {
    others += 1;
    onIgnored(kind);
  };
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // Loaded only when needed: the parser costs memory that an agent does not have to spend.
  const documents = jsonDocuments(plain, path) ?? yamlDocuments(plain, path, await import('yaml'));
  for (const document of documents) {
    number += 1;
    used += addDocument(index, document, { path, document: number }, ignore);
  }
  if (used > 0) return index;
  const instead = others === 0 ? '' : `, only ${others} of other kinds`;
  throw new TopologyFileError('empty', { path }, `holds no Services, EndpointSlices or Pods${instead}`);
}

/** Undefined if the text is no JSON, or only partly: YAML then has the last word. */
function jsonDocuments(text: string, path: string): unknown[] | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  const whole = tryJson(text);
  if (!(whole instanceof Error)) return [whole];
  const documents: unknown[] = [];
  for (const part of splitJsonObjects(text) ?? [text]) {
    const parsed = tryJson(part);
    if (parsed instanceof Error) {
      if (text.length <= MAX_JSON_AS_YAML) return undefined;
      const place = { path, document: documents.length + 1 };
      throw new TopologyFileError('syntax', place, `broken JSON: ${parsed.message}`, { cause: parsed });
    }
    documents.push(parsed);
  }
  return documents;
}

/** The value, or the error, which no value of JSON can be. */
function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

function* yamlDocuments(text: string, path: string, yaml: typeof import('yaml')): Generator<unknown> {
  const syntax = text.trimStart().startsWith('{') ? 'JSON or YAML' : 'YAML';
  let document = 1;
  try {
    const composer = new yaml.Composer(YAML_OPTIONS);
    for (const parsed of composer.compose(new yaml.Parser().parse(text))) {
      const [error] = parsed.errors;
      if (error) {
        const place = { path, document, line: lineNumber(text, error.pos[0]) };
        throw new TopologyFileError('syntax', place, `broken ${syntax}: ${error.message}`, { cause: error });
      }
      yield parsed.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
      document += 1;
    }
  } catch (error) {
    // Aliases that cannot be resolved, and nesting deeper than the stack, are thrown instead of listed.
    if (error instanceof TopologyFileError) throw error;
    throw new TopologyFileError('syntax', { path, document }, `broken ${syntax}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
