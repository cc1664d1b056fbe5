import { errorOfEvent } from './api-error.ts';
import { child, elements, type Field, ObjectError, readText } from './fields.ts';
import { ITEM } from './item-splitter.ts';
import { type ObjectRef, readRef, readResourceVersion, refKey } from './metadata.ts';
import type { Resource } from './resources.ts';

/** One page of a list. */
export interface Page {
  readonly continueToken: string | undefined;
  /** That of the list as a whole. */
  readonly version: string | undefined;
}

interface Known extends ObjectRef {
  version: string | undefined;
  /** The list it was seen in, or after which it came. */
  round: number;
}

/**
 * The objects of one kind that the server is known to have, as lists and watches tell. Each object is handed on as it
 * comes and not kept; kept is only which objects there are, and in which version.
 */
export class ObjectSet {
  readonly #resource: Resource;
  readonly #onMalformed: (reason: string) => void;
  readonly #known = new Map<string, Known>();
  /** Counts the lists. */
  #round = 0;

  /** `onMalformed` is told what is wrong with an object that was passed over. */
  constructor(resource: Resource, onMalformed: (reason: string) => void) {
    this.#resource = resource;
    this.#onMalformed = onMalformed;
  }

  /** A list begins: to be called before its first page. */
  beginList(): void {
    this.#round++;
  }

  /** Takes over one item of a list, as text. Throws SyntaxError if it is no JSON. */
  addItem(text: string): void {
    this.#read(JSON.parse(text), (object) => this.#set(object, readRef(object)));
  }

  /** What a page says beside its items, each of which is ITEM there. Throws SyntaxError or ObjectError if it is no list. */
  endPage(text: string): Page {
    const root: Field = { path: '', value: JSON.parse(text) };
    if (!Array.isArray(child(root, 'items').value)) throw new ObjectError(child(root, 'items'), 'a list');
    for (const { value } of elements(child(root, 'items'))) if (value !== ITEM) this.#read(value, readRef);
    return {
      continueToken: readText(child(child(root, 'metadata'), 'continue')) || undefined,
      version: readResourceVersion(root),
    };
  }

  /** A list is complete: what was not seen in it is gone. */
  endList(): void {
    for (const [key, known] of this.#known) if (known.round !== this.#round) this.#remove(key, known);
  }

  /**
   * Takes over one line of a watch. Returns the resource version it brings, undefined if none. Throws an ApiError if it
   * says that the watch failed; one that makes no sense is passed over.
   */
  addEvent(line: string): string | undefined {
    let version: string | undefined;
    let failure: Field | undefined;
    this.#read(parse(line), (event) => {
      const type = readText(child(event, 'type'));
      const object: Field = { path: '', value: child(event, 'object').value };
      if (type === 'ERROR') {
        failure = object;
        return;
      }
      version = readResourceVersion(object);
      if (type === 'ADDED' || type === 'MODIFIED') this.#set(object, readRef(object));
      else if (type === 'DELETED') this.#remove(refKey(readRef(object)), readRef(object));
      else if (type !== 'BOOKMARK') throw new ObjectError(child(event, 'type'), 'a known type of event');
    });
    if (failure) throw errorOfEvent(failure.value);
    return version;
  }

  #read(value: unknown, read: (object: Field) => void): void {
    const object: Field = { path: '', value };
    try {
      read(object);
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error;
      this.#onMalformed(error.message);
    }
  }

  #set(object: Field, ref: ObjectRef): void {
    const key = refKey(ref);
    const version = readResourceVersion(object);
    const known = this.#known.get(key);
    // Before it is read: one that makes no sense any more is still there.
    if (known) known.round = this.#round;
    if (known && version !== undefined && known.version === version) return;
    this.#resource.set(object.value);
    if (known) known.version = version;
    else this.#known.set(key, { ...ref, version, round: this.#round });
  }

  #remove(key: string, ref: ObjectRef): void {
    if (this.#known.delete(key)) this.#resource.remove(ref);
  }
}

/** Undefined, which no JSON text means, if it is none. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
