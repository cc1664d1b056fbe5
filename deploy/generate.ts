/** `npm run generate`: writes the files of deploy/ that are made from others. A test holds them current. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetDashboard } from './grafana/fleet.ts';
import { jsonText } from './grafana/json-text.ts';
import { nodeDashboard } from './grafana/node.ts';
import { prometheusRule } from './prometheus/prometheus-rule.ts';

interface Output {
  /** Below deploy/. */
  readonly path: string;
  readonly text: () => string;
}

export const OUTPUTS: readonly Output[] = [
  { path: 'components/prometheus-operator/prometheus-rule.yaml', text: prometheusRule },
  { path: 'grafana/fleet.json', text: () => jsonText(fleetDashboard()) },
  { path: 'grafana/node.json', text: () => jsonText(nodeDashboard()) },
];

if (import.meta.main) {
  for (const { path, text } of OUTPUTS) {
    writeFileSync(join(import.meta.dirname, path), text());
    process.stdout.write(`deploy/${path}\n`);
  }
}
