import { canonicalIp } from '../lib/canonical-ip.ts';
import { oneLine } from '../lib/one-line.ts';

/** A value inside a foreign object, and where it was found (`spec.ports[0].port`; empty for the object itself). */
export interface Field {
  readonly path: string;
  readonly value: unknown;
}

/** A Kubernetes object is not what the API says it is: `spec.ports[0].port: expected a port number, got "abc"`. */
export class ObjectError extends Error {
  readonly field: string;
  readonly expected: string;
  readonly got: string;

  constructor(field: Field, expected: string) {
    const got = show(field.value);
    super(`${field.path === '' ? '' : `${field.path}: `}expected ${expected}, got ${got}`);
    this.name = 'ObjectError';
    this.field = field.path;
    this.expected = expected;
    this.got = got;
  }
}

/** Below another: its path is made when somebody asks for it, for that is an error's part; fields are read by the million. */
class Below implements Field {
  readonly #parent: Field;
  readonly #at: string | number;
  readonly value: unknown;

  constructor(parent: Field, at: string | number, value: unknown) {
    this.#parent = parent;
    this.#at = at;
    this.value = value;
  }

  get path(): string {
    const { path } = this.#parent;
    const at = this.#at;
    if (typeof at === 'number') return `${path}[${at}]`;
    if (!/^\w+$/.test(at)) return `${path}[${JSON.stringify(at)}]`;
    return path === '' ? at : `${path}.${at}`;
  }
}

/**
 * The field under this key. Own properties only, so that a key such as `__proto__` is never a way out of the data;
 * null is absent, as in the API; under an absent field everything is absent.
 * Throws ObjectError if the parent is no object.
 */
export function child(parent: Field, key: string): Field {
  const { value } = parent;
  if (isAbsent(value)) return new Below(parent, key, undefined);
  if (typeof value !== 'object' || Array.isArray(value)) throw new ObjectError(parent, 'an object');
  const own = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  return new Below(parent, key, own);
}

/** The elements of a list; none if it is absent. Throws ObjectError if it is something else. */
export function elements(list: Field): Field[] {
  if (isAbsent(list.value)) return [];
  if (!Array.isArray(list.value)) throw new ObjectError(list, 'a list');
  return list.value.map((value: unknown, at) => new Below(list, at, value));
}

/** Text, or undefined if absent. Throws ObjectError if it is something else. */
export function readText(field: Field): string | undefined {
  if (isAbsent(field.value)) return undefined;
  if (typeof field.value !== 'string') throw new ObjectError(field, 'text');
  return field.value;
}

/** Text that is there and not empty; it may hold anything. Throws ObjectError otherwise. */
export function readName(field: Field): string {
  if (typeof field.value !== 'string' || field.value === '') throw new ObjectError(field, 'a name');
  return field.value;
}

/** True, or false if absent. Throws ObjectError if it is no boolean. */
export function readFlag(field: Field): boolean {
  if (isAbsent(field.value)) return false;
  if (typeof field.value !== 'boolean') throw new ObjectError(field, 'true or false');
  return field.value;
}

/** A port number from 1 to 65535. Throws ObjectError otherwise. */
export function readPort(field: Field): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new ObjectError(field, 'a port number');
  }
  return value;
}

/** A time span in whole seconds, 1 or more. Throws ObjectError otherwise. */
export function readSeconds(field: Field): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new ObjectError(field, 'a whole number of seconds from 1 on');
  }
  return value;
}

/**
 * An IP address in canonical form; undefined if absent or empty, which Kubernetes writes for "none yet".
 * Throws ObjectError if it is something else.
 */
export function readIp(field: Field): string | undefined {
  if (isAbsent(field.value) || field.value === '') return undefined;
  const canonical = typeof field.value === 'string' ? canonicalIp(field.value) : undefined;
  if (canonical === undefined) throw new ObjectError(field, 'an IP address');
  return canonical;
}

/** The addresses in these fields, each once, without the absent ones. Throws ObjectError as readIp does. */
export function readIps(fields: readonly Field[]): string[] {
  return [...new Set(fields.map(readIp).filter((address) => address !== undefined))];
}

/**
 * A time as Kubernetes writes it (metav1.Time: RFC 3339, UTC), without its final Z: such times compare as text.
 * Empty if absent. Throws ObjectError if it is something else.
 */
export function readTime(field: Field): string {
  const value = readText(field);
  if (value === undefined) return '';
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) {
    throw new ObjectError(field, 'a time such as 2026-11-23T06:54:15Z');
  }
  return value.slice(0, -1);
}

/** Whether the API takes the field for not set. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function show(value: unknown): string {
  if (isAbsent(value)) return 'nothing';
  if (typeof value === 'string') return oneLine(JSON.stringify(value), 60);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : String(value);
}
