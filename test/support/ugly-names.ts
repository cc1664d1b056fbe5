import { nameFinding } from '../../src/enrich/name.ts';
import { parseTopologyText } from '../../src/enrich/topology-file.ts';
import type { Pickup } from '../../src/model/finding.ts';
import type { NamedFinding } from '../../src/model/named-finding.ts';

/** Names that no API server would take, and a topology file can hold. */
export const UGLY_NAMES = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  'quote"quote',
  'back\\slash',
  'ends in one\\',
  '\\n is no line feed',
  'line\nbreak\r\n',
  '\n# EOF\n',
  'x",service_name="redis',
  '} 1\nconntrack_watchdog_ready 0\n#',
  '\u0000\u0001\u001b[31m\u007f',
  'separators\u2028\u2029\u0085',
  '\u202eright to left',
  'snow ☃ and 😀',
  '__proto__',
  '{{ $labels.namespace }}',
] as const;

const address = (block: string, i: number) => `${block}.${i + 1}`;

/** `finding` as it would be of a pod, its workload and a Service that all have the name. */
export async function uglyFindings(finding: Pickup): Promise<NamedFinding[]> {
  const items = UGLY_NAMES.flatMap((name, i) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: name, name },
      spec: { clusterIP: address('10.96.0', i), ports: [{ port: 80, protocol: 'TCP' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: name,
        name,
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name, controller: true }],
      },
      spec: { nodeName: 'node-1' },
      status: { phase: 'Running', hostIP: '192.0.2.1', podIP: address('10.244.0', i) },
    },
  ]);
  const topology = await parseTopologyText(
    JSON.stringify({ kind: 'List', apiVersion: 'v1', items }),
    'ugly.json',
  );
  return UGLY_NAMES.map((_, i) => {
    const connection = {
      ...finding.connection,
      src: address('10.244.0', i),
      dst: address('10.96.0', i),
      dport: 80,
    };
    return nameFinding(topology, { ...finding, connection })!;
  });
}
