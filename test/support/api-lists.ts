import { type ApiObject, isSelected, KINDS, type KindName } from './api-objects.ts';
import { Refusal } from './api-reply.ts';
import type { ObjectStore } from './object-store.ts';

interface Rest {
  readonly items: readonly ApiObject[];
  readonly version: number;
}

/** Lists, page by page: all pages of a list show the objects as they were at its first. */
export class ApiLists {
  readonly #store: ObjectStore;
  readonly #rests = new Map<string, Rest>();
  #pages = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Half-read lists cannot be continued. */
  expire(): void {
    this.#rests.clear();
  }

  /** Throws a Refusal if the continue token is too old. */
  page(kind: KindName, namespace: string | undefined, query: URLSearchParams): object {
    const token = query.get('continue');
    const begun = token === null ? this.#begin(kind, namespace, query) : this.#rests.get(token);
    if (!begun) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const { items, version } = begun;
    const limit = Number(query.get('limit') ?? 0) || items.length;
    const rest = items.slice(limit);
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (rest.length > 0) {
      const next = Buffer.from(`${kind} ${version} ${++this.#pages}`).toString('base64url');
      this.#rests.set(next, { items: rest, version });
      Object.assign(metadata, { continue: next, remainingItemCount: rest.length });
    }
    const { kind: kindName, apiVersion } = KINDS[kind];
    // The items of a typed list do not say their kind.
    const page = items.slice(0, limit).map(({ kind: _kind, apiVersion: _version, ...item }) => item);
    return { kind: `${kindName}List`, apiVersion, metadata, items: page };
  }

  #begin(kind: KindName, namespace: string | undefined, query: URLSearchParams): Rest {
    const isWanted = (object: ApiObject) =>
      (namespace === undefined || object.metadata.namespace === namespace) && isSelected(query, object);
    const items = this.#store.all(kind).filter(isWanted);
    return { items: items.sort(inKeyOrder), version: this.#store.version };
  }
}

/** As etcd has them. */
function inKeyOrder({ metadata: a }: ApiObject, { metadata: b }: ApiObject): number {
  const [keyA, keyB] = [`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`];
  return keyA < keyB ? -1 : Number(keyA > keyB);
}
