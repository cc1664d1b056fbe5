import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Format, parseExposition } from '../../support/parse-exposition.ts';
import { UGLY_NAMES, uglyFindings } from '../../support/ugly-names.ts';
import { newMetrics, pickup } from './samples.ts';

for (const [format, accept] of [
  ['text', undefined],
  ['openmetrics', 'application/openmetrics-text'],
] satisfies [Format, string | undefined][]) {
  test(`names of a topology file, <script> and worse, are text in the labels of ${format}`, async () => {
    const metrics = newMetrics();
    for (const finding of await uglyFindings(pickup())) metrics.count(finding);
    const { body } = await metrics.expose(accept);
    // As it goes over the wire.
    const families = parseExposition(Buffer.from(body).toString(), format);
    const broken = families.find(({ name }) => /broken_connections(_total)?$/.test(name));
    assert.deepEqual(
      broken?.samples,
      UGLY_NAMES.map((name) => ({
        name: 'conntrack_watchdog_broken_connections_total',
        labels: {
          service_namespace: name,
          service_name: name,
          service_port: '80',
          client_namespace: name,
          client_workload: `StatefulSet/${name}`,
          cause: 'timeout',
          outcome: 'reset',
          sender: 'client',
        },
        value: 1,
      })),
    );
  });
}
