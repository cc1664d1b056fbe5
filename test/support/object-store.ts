import {
  type ApiEvent,
  type ApiObject,
  type ApiPath,
  KINDS,
  type KindName,
  qualifiedName,
} from './api-objects.ts';
import { Refusal } from './api-reply.ts';

/** The objects of an API server and what happened to them, under one version that counts up, as etcd's revision does. */
export class ObjectStore {
  /** Told each event when it has happened. */
  onEvent: (kind: KindName, event: ApiEvent) => void = () => {};
  readonly #objects = new Map<KindName, Map<string, ApiObject>>();
  readonly #history = new Map<KindName, ApiEvent[]>();
  #version: number;
  #oldest = 0;

  constructor(version: number) {
    this.#version = version;
    for (const kind of Object.keys(KINDS) as KindName[]) {
      this.#objects.set(kind, new Map());
      this.#history.set(kind, []);
    }
  }

  get version(): number {
    return this.#version;
  }

  /** What happened before this version is forgotten. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The namespace is left out for kinds that have none. */
  get(kind: KindName, namespace: string | undefined, name: string): ApiObject | undefined {
    return this.#objects.get(kind)!.get(keyOf(namespace, name));
  }

  /** Throws a Refusal if it is not there. */
  existing({ kind, namespace, name = '' }: ApiPath): ApiObject {
    const found = this.get(kind, namespace, name);
    if (!found) throw new Refusal(404, 'NotFound', `${qualifiedName(kind)} "${name}" not found`);
    return found;
  }

  all(kind: KindName): ApiObject[] {
    return [...this.#objects.get(kind)!.values()];
  }

  /** Adds or replaces an object under a new version; returns it as it is stored. */
  put(kind: KindName, object: ApiObject): ApiObject {
    const { namespace, name } = object.metadata;
    const key = keyOf(namespace, name);
    const version = ++this.#version;
    const { kind: kindName, apiVersion } = KINDS[kind];
    const metadata = { ...object.metadata, resourceVersion: String(version) };
    const stored = { kind: kindName, apiVersion, ...object, metadata };
    const before = this.#objects.get(kind)!.get(key);
    this.#objects.get(kind)!.set(key, stored);
    this.#publish(kind, { type: before ? 'MODIFIED' : 'ADDED', object: stored, before, version });
    return stored;
  }

  remove(kind: KindName, namespace: string | undefined, name: string): void {
    const key = keyOf(namespace, name);
    const before = this.#objects.get(kind)!.get(key);
    if (!before) throw new Error(`there is no ${kind} ${key}`);
    this.#objects.get(kind)!.delete(key);
    const version = ++this.#version;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#publish(kind, { type: 'DELETED', object, before, version });
  }

  since(kind: KindName, version: number): ApiEvent[] {
    return this.#history.get(kind)!.filter((event) => event.version > version);
  }

  /** Forgets what happened until now. */
  compact(): void {
    this.#oldest = this.#version;
    for (const events of this.#history.values()) events.length = 0;
  }

  #publish(kind: KindName, event: ApiEvent): void {
    this.#history.get(kind)!.push(event);
    this.onEvent(kind, event);
  }
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}
