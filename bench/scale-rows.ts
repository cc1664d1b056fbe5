import type { Kind } from './changing-cluster.ts';
import type { Life } from './scale-life.ts';
import type { ScalePauses } from './scale-pauses.ts';
import { median } from './statistics.ts';
import { count, ms } from './text-table.ts';

const MS_PER_MINUTE = 60_000;
/** Of the kernel's kB, which have 1024 bytes. */
const KB_PER_MB = 1000;
const BYTES_PER_MB = 1e6;

/** Agents beside clusters of three sizes, and the client library's informer beside the largest. */
export interface ScaleSamples {
  readonly few: readonly Life[];
  readonly middle: readonly Life[];
  readonly many: readonly Life[];
  readonly informer: { readonly few: Life; readonly many: Life };
  readonly pauses: ScalePauses;
}

/** One measure a row, one cluster a column. */
export function scaleRows({ few, middle, many, informer }: ScaleSamples, rate: number): string[][] {
  const columns = [few, middle, many, [informer.few], [informer.many]];
  const row = (name: string, figure: (life: Life) => number, show: (value: number) => string) => [
    name,
    ...columns.map((lives) => show(median(lives.map(figure)))),
  ];
  const listBytes = (kind: Kind) =>
    row(`list of ${kind}, MB`, ({ lists }) => lists[kind].listBytes / BYTES_PER_MB, megabytes);
  const eventBytes = (kind: Kind) =>
    row(`change of ${kind}, bytes`, ({ watches }) => watches[kind].watchBytes / watches[kind].events, count);
  return [
    ['Services', ...columns.map(([life]) => count(life!.size.services))],
    row('endpoints', ({ size }) => size.services * size.endpointsPerService, count),
    row('pods of the node', ({ size }) => size.pods, count),
    ['by', 'agent', 'agent', 'agent', 'informer', 'informer'],
    row('resident when synced, MB', ({ syncedKiB }) => syncedKiB / KB_PER_MB, megabytes),
    row('most until then, MB', ({ peakKiB }) => peakKiB / KB_PER_MB, megabytes),
    row('after the changes, MB', ({ changedKiB }) => changedKiB / KB_PER_MB, megabytes),
    row(
      'start to synced, s',
      ({ syncedMs }) => syncedMs / 1000,
      (value) => value.toFixed(1),
    ),
    row(
      'of it lists, s',
      ({ listMs }) => listMs / 1000,
      (value) => value.toFixed(1),
    ),
    row(
      'CPU of it, s',
      ({ syncCpuMs }) => syncCpuMs / 1000,
      (value) => value.toFixed(1),
    ),
    listBytes('services'),
    listBytes('endpointslices'),
    listBytes('pods'),
    eventBytes('services'),
    eventBytes('endpointslices'),
    eventBytes('pods'),
    row(
      'CPU of a change, ms',
      (life) => life.changesCpuMs / changesOf(life),
      (value) => value.toFixed(2),
    ),
    row(
      `CPU a minute at ${rate}/s, ms`,
      ({ changesCpuMs, changesMs }) => (changesCpuMs / changesMs) * MS_PER_MINUTE,
      ms,
    ),
    row('CPU a minute idle, ms', ({ idleCpuMs, idleMs }) => (idleCpuMs / idleMs) * MS_PER_MINUTE, ms),
  ];
}

function changesOf({ watches }: Life): number {
  return Object.values(watches).reduce((sum, { events }) => sum + events, 0);
}

function megabytes(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
