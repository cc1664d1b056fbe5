import { formatByteSize, parseByteSize } from '../lib/byte-size.ts';
import { canonicalIp } from '../lib/canonical-ip.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { type ListenAddress, parseListenAddress } from '../lib/listen-address.ts';

import type { ClientSelector, TailFilter } from '../model/tail-filter.ts';

/** What a text means, or the end of the sentence `--flag "text": ...`: why it cannot be, and what is allowed. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };
export interface ValueType<T> {
  (text: string): Parsed<T>;
  /** What is allowed, or how it begins, for the completion of shells. */
  readonly choices?: readonly (string | number)[];
}

/** Where names come from: nothing, the API server, or a file. */
export type TopologySource =
  | { readonly kind: 'none' }
  | { readonly kind: 'kubernetes' }
  | { readonly kind: 'file'; readonly path: string };

/** A duration within limits, in milliseconds. `examples` are allowed ones, for the message. */
export function duration(minMs: number, maxMs: number, examples: readonly string[]): ValueType<number> {
  const allowed = `allowed is ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as ${either(examples)}`;
  return (text) => withinLimits(parseDuration(text), 'not a duration', allowed, minMs, maxMs);
}

/** A size within limits, in bytes. */
export function byteSize(min: number, max: number): ValueType<number> {
  const allowed = `allowed is ${formatByteSize(min)} to ${formatByteSize(max)}, such as 256Ki, 64Mi or plain bytes`;
  return (text) => withinLimits(parseByteSize(text), 'not a size', allowed, min, max);
}

function withinLimits(
  value: number | undefined,
  nonsense: string,
  allowed: string,
  min: number,
  max: number,
): Parsed<number> {
  if (value === undefined) return { problem: `${nonsense}; ${allowed}` };
  if (value < min) return { problem: `too small; ${allowed}` };
  if (value > max) return { problem: `too large; ${allowed}` };
  return { value };
}

/** One of a closed list of words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueType<T> {
  const type = (text: string): Parsed<T> => {
    const value = words.find((word) => word === text);
    if (value !== undefined) return { value };
    return { problem: `unknown; allowed is ${either(words)}` };
  };
  return Object.assign(type, { choices: words });
}

/** One of a closed list of whole numbers. */
export function oneOfNumbers<const T extends number>(numbers: readonly T[]): ValueType<T> {
  const type = (text: string): Parsed<T> => {
    const value = numbers.find((number) => String(number) === text);
    if (value !== undefined) return { value };
    return { problem: `unknown; allowed is ${either(numbers)}` };
  };
  return Object.assign(type, { choices: numbers });
}

/** `off`, which is undefined, or a value; the type's messages end with what is allowed, to which this adds. */
export function orOff<T>(type: ValueType<T>): ValueType<T | undefined> {
  return (text) => {
    if (text === 'off') return { value: undefined };
    const parsed = type(text);
    return 'problem' in parsed ? { problem: `${parsed.problem}, or off` } : parsed;
  };
}

/** Empty text, which nobody can give, is undefined: it was not said. */
export function orUnsaid<T>(type: ValueType<T>): ValueType<T | undefined> {
  const parse = (text: string): Parsed<T | undefined> => (text === '' ? { value: undefined } : type(text));
  return type.choices ? Object.assign(parse, { choices: type.choices }) : parse;
}

/** For a switch: `on` or `off`, which only the table of options says. */
export function onOff(text: string): Parsed<boolean> {
  return { value: text === 'on' };
}

/**
 * How many of a list: a whole number, or `all`, which is Infinity. Empty text, which nobody can give, is undefined: it
 * was not said.
 */
export function countOrAll(text: string): Parsed<number | undefined> {
  if (text === '') return { value: undefined };
  if (text === 'all') return { value: Number.POSITIVE_INFINITY };
  if (/^[1-9]\d{0,8}$/.test(text)) return { value: Number(text) };
  return { problem: 'not a count; allowed is a whole number from 1 to 999999999, or all' };
}

export function listenAddress(text: string): Parsed<ListenAddress> {
  const value = parseListenAddress(text);
  if (value) return { value };
  return {
    problem:
      'not an address to listen on; allowed is an IP address and a port up to 65535, such as 0.0.0.0:9469, [::1]:0 or :9469',
  };
}

/** What Kubernetes accepts as a node's name: an RFC 1123 subdomain. */
export function nodeName(text: string): Parsed<string> {
  const part = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
  if (text.length <= 253 && new RegExp(`^${part}(?:\\.${part})*$`).test(text)) return { value: text };
  return {
    problem:
      'not a Kubernetes node name; allowed are up to 253 lower-case letters, digits, "-" and ".", a letter or digit at the ends and beside each "."',
  };
}

export function absolutePath(text: string): Parsed<string> {
  if (text.startsWith('/')) return { value: text };
  return { problem: 'not an absolute path; allowed is a folder from / on, such as /proc or /host/proc' };
}

/** Empty text, which nobody can give, is undefined: it was not said. */
export function filePath(text: string): Parsed<string | undefined> {
  return { value: text === '' ? undefined : text };
}

export function topologySource(text: string): Parsed<TopologySource> {
  if (text === 'none' || text === 'kubernetes') return { value: { kind: text } };
  if (text.startsWith('file:') && text.length > 'file:'.length) {
    return { value: { kind: 'file', path: text.slice('file:'.length) } };
  }
  return {
    problem:
      'unknown; allowed is kubernetes, none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" prints',
  };
}

topologySource.choices = ['kubernetes', 'none', 'file:'];

/** For a recording, whose names are not those of now: a file, or nothing. */
export function topologyFile(text: string): Parsed<Exclude<TopologySource, { kind: 'kubernetes' }>> {
  const parsed = topologySource(text);
  if ('value' in parsed && parsed.value.kind !== 'kubernetes') return { value: parsed.value };
  return {
    problem: `${text === 'kubernetes' ? 'its names of now are not those of the recording' : 'unknown'}; allowed is none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" printed`,
  };
}

topologyFile.choices = ['none', 'file:'];

/** A name in Kubernetes: an RFC 1123 subdomain, which a label is too. */
const NAME = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;

/** Empty text, which nobody can give, is undefined: everything. */
export function serviceName(text: string): Parsed<TailFilter['service']> {
  if (text === '') return { value: undefined };
  const [namespace = '', name = '', ...more] = text.split('/');
  if (NAME.test(namespace) && NAME.test(name) && more.length === 0) return { value: { namespace, name } };
  return { problem: 'not a Service; allowed is NAMESPACE/NAME, such as shop/redis' };
}

/** Empty text, which nobody can give, is undefined: everything. */
export function namespaceName(text: string): Parsed<string | undefined> {
  if (text === '') return { value: undefined };
  if (NAME.test(text) && !text.includes('.')) return { value: text };
  return { problem: 'not a namespace; allowed is its name, such as shop' };
}

/** Empty text, which nobody can give, is undefined: everything. */
export function clientSelector(text: string): Parsed<ClientSelector | undefined> {
  if (text === '') return { value: undefined };
  const ip = canonicalIp(text);
  if (ip !== undefined) return { value: { by: 'address', ip } };
  const parts = text.split('/');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 2 && first === 'Node' && NAME.test(second)) {
    return { value: { by: 'workload', namespace: undefined, workload: text } };
  }
  if (parts.length === 2 && NAME.test(first) && NAME.test(second)) {
    return { value: { by: 'name', namespace: first, name: second } };
  }
  if (parts.length === 3 && NAME.test(first) && /^[A-Z][A-Za-z0-9]*$/.test(second) && NAME.test(third)) {
    return { value: { by: 'workload', namespace: first, workload: `${second}/${third}` } };
  }
  return {
    problem:
      'not a client; allowed is a workload such as shop/Deployment/checkout or Node/node-1, a pod such as shop/checkout-79d8f5c4b6-c, or an IP address',
  };
}

/** `a, b or c`. */
export function either(words: readonly (string | number)[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
