import { errorOfEvent } from './api-error.ts';
import { child, elements, type Field, ObjectError, readText } from './fields.ts';
import { type ObjectRef, readRef, readResourceVersion, refKey } from './metadata.ts';
import type { Resource } from './resources.ts';

/** One page of a list. */
export interface Page {
  readonly continueToken: string | undefined;
  /** That of the list as a whole. */
  readonly version: string | undefined;
}

/**
 * The objects of one kind that the server is known to have, as lists and watches tell. Each object is handed on as it
 * comes and not kept; kept is only which objects there are, and in which version.
 */
export class ObjectSet {
  readonly #resource: Resource;
  readonly #onMalformed: (reason: string) => void;
  readonly #known = new Map<string, { readonly ref: ObjectRef; readonly version: string | undefined }>();

  /** `onMalformed` is told what is wrong with an object that was passed over. */
  constructor(resource: Resource, onMalformed: (reason: string) => void) {
    this.#resource = resource;
    this.#onMalformed = onMalformed;
  }

  /** Takes over the objects of a page and adds them to `seen`. Throws ObjectError if it is no list. */
  addPage(list: unknown, seen: Set<string>): Page {
    const root: Field = { path: '', value: list };
    if (!Array.isArray(child(root, 'items').value)) throw new ObjectError(child(root, 'items'), 'a list');
    for (const { value } of elements(child(root, 'items'))) {
      this.#read(value, (object) => {
        const ref = readRef(object);
        seen.add(refKey(ref));
        this.#set(object, ref);
      });
    }
    return {
      continueToken: readText(child(child(root, 'metadata'), 'continue')) || undefined,
      version: readResourceVersion(root),
    };
  }

  /** A list is complete: what was not seen in it is gone. */
  removeOthers(seen: ReadonlySet<string>): void {
    for (const [key, { ref }] of this.#known) if (!seen.has(key)) this.#remove(key, ref);
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
    if (version !== undefined && this.#known.get(key)?.version === version) return;
    this.#resource.set(object.value);
    this.#known.set(key, { ref, version });
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
