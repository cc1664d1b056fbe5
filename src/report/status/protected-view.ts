import { html } from 'ghtml';
import { counted } from '../../lib/counted.ts';
import { endpointText } from '../../lib/endpoint-text.ts';
import { humanDuration } from '../../lib/human-duration.ts';
import type { AuditReport } from '../audit-report.ts';
import { type ProtectedWorkload, type ProtectionReport, sumOfConnections } from '../protection-report.ts';
import type { Health } from './health.ts';

/**
 * The connections whose entries are renewed, by client workload and Service. Empty without protection: the script finds
 * its place also when the agent is started anew with it.
 */
export function protectedView({ protect }: Health, report: AuditReport | undefined): string {
  if (protect === 'off') return html`<section id="protected" data-live></section>`;
  const { protection, flows } = report ?? {};
  return html`<section id="protected" data-live><h2>Protected <span class="count">${protection?.connections}</span></h2>
!${protection ? contentOf(protection, flows ?? 0) : '<p class="none">The conntrack table has not been read yet.</p>'}
</section>`;
}

function contentOf({ connections, maxIdleSeconds, workloads }: ProtectionReport, flows: number): string {
  const listed = sumOfConnections(workloads);
  const below = listed < connections ? `, ${listed} of them in the ${workloads.length} rows below` : '';
  return html`<p>${connections} of ${counted(flows, 'open connection')} through Services ${connections === 1 ? 'is' : 'are'} kept alive${below}:
while the client has a connection open, its entry is renewed before it expires, for at most ${humanDuration(maxIdleSeconds)} without a packet.</p>
!${workloads.length === 0 ? '' : tableOf(workloads)}`;
}

function tableOf(workloads: readonly ProtectedWorkload[]): string {
  const rows = workloads.map(
    ({ client, service, connections }) => html`<tr><td>${connections}</td><td>${workloadText(client)}</td>
<td>${serviceText(service)}</td></tr>`,
  );
  return html`<div class="wide"><table>
<thead><tr><th>Connections</th><th>Client</th><th>Service</th></tr></thead>
<tbody>!${rows}</tbody></table></div>`;
}

function workloadText({ namespace, workload }: ProtectedWorkload['client']): string {
  return workload === undefined
    ? 'not known'
    : [namespace, workload].filter((part) => part !== undefined).join('/');
}

function serviceText({ known, namespace, name, servicePort }: ProtectedWorkload['service']): string {
  return known ? `${namespace}/${name}:${servicePort}` : endpointText(name, servicePort);
}
