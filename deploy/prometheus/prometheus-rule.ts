import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const HEAD = `# Made from deploy/prometheus/rules.yaml by \`npm run generate\`: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: conntrack-watchdog
  namespace: conntrack-watchdog
  labels:
    app.kubernetes.io/name: conntrack-watchdog
spec:
`;

/** The rules file as an object for the Prometheus Operator, comments included. */
export function prometheusRule(): string {
  const rules = readFileSync(join(import.meta.dirname, 'rules.yaml'), 'utf8');
  // Block texts keep what they say: all their lines move by the same two columns.
  return HEAD + rules.replaceAll(/^(?=.)/gm, '  ');
}
