/** `npm run generate`: writes the committed files that are made from others. A test holds them current. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetDashboard } from '../deploy/grafana/fleet.ts';
import { jsonText } from '../deploy/grafana/json-text.ts';
import { nodeDashboard } from '../deploy/grafana/node.ts';
import { prometheusRule } from '../deploy/prometheus/prometheus-rule.ts';
import { manual } from '../src/config/manual.ts';

interface Output {
  /** From the top of the repository on. */
  readonly path: string;
  readonly text: () => string;
}

export const TOP = join(import.meta.dirname, '..');

export const OUTPUTS: readonly Output[] = [
  { path: 'deploy/components/prometheus-operator/prometheus-rule.yaml', text: prometheusRule },
  { path: 'deploy/grafana/fleet.json', text: () => jsonText(fleetDashboard()) },
  { path: 'deploy/grafana/node.json', text: () => jsonText(nodeDashboard()) },
  { path: 'docs/cli.md', text: manual },
];

if (import.meta.main) {
  for (const { path, text } of OUTPUTS) {
    writeFileSync(join(TOP, path), text());
    process.stdout.write(`${path}\n`);
  }
}
