import { html } from 'ghtml';
import { humanDuration } from '../../lib/human-duration.ts';
import type { NamedFlowAtRisk } from '../../model/at-risk.ts';
import { atRiskAdvice } from '../at-risk-advice.ts';
import type { AuditReport } from '../audit-report.ts';
import { podPortText, serviceText } from '../name-text.ts';
import { isoTime } from '../named-fields.ts';
import { unprotectedReasons, unprotectedText } from '../unprotected-text.ts';
import { clientText, dateText } from './break-view.ts';

/** The connections that break if they stay idle, the soonest first. `isKept`: the table is read again and again. */
export function atRiskView(report: AuditReport | undefined, isKept: boolean): string {
  if (!report) {
    return html`<section id="at-risk" data-live><h2>At risk</h2><p class="none">The conntrack table has not been read yet.</p></section>`;
  }
  const rows = Array.from(report.atRisk, (flow) => {
    const expiresAt = isoTime(report.takenAtMs + flow.expiresInSeconds * 1000);
    return html`<tr><td><time datetime="${expiresAt}">${dateText(expiresAt)}</time></td>
<td><span title="${podPortText(flow.client)}">${clientText(flow.client)}</span></td><td>${serviceText(flow.service)}</td>
<td>${podPortText(flow.backend)}</td><td>${flow.idleSeconds === undefined ? '?' : humanDuration(flow.idleSeconds)}</td>
<td><span title="${atRiskAdvice(flow, report.settings)}">${flow.reason}</span></td>!${unprotectedCell(flow, report)}</tr>`;
  });
  const shown = rows.length < report.total ? `, the first ${rows.length} of them below` : '';
  return html`<section id="at-risk" data-live><h2>At risk <span class="count">${report.total}</span></h2>
<p>${report.total} of ${report.flows} open connections through Services break if they stay idle${shown}.
${unknownText(report)} Read from the table at ${dateText(isoTime(report.takenAtMs))}${isKept ? '' : ', and not again: snapshots are off'}.</p>
!${rows.length === 0 ? '' : tableOf(rows, report)}!${adviceOf(report)}!${unprotectedOf(report)}
</section>`;
}

function unknownText({ unknown, total }: AuditReport): string {
  if (unknown === 0) return '';
  return `Of ${unknown === total ? 'all' : unknown} of them the keepalive is not known, and they may be safe.`;
}

function tableOf(rows: readonly string[], { protection }: AuditReport): string {
  return html`<div class="wide"><table>
<thead><tr><th>Breaks at</th><th>Client</th><th>Service</th><th>Backend</th><th>Idle</th><th>Reason</th>!${protection ? '<th>Not protected</th>' : ''}</tr></thead>
<tbody>!${rows}</tbody></table></div>`;
}

/** Why it is not kept alive, where others are. */
function unprotectedCell({ unprotected }: NamedFlowAtRisk, { protection }: AuditReport): string {
  if (!protection) return '';
  if (unprotected === undefined) return '<td></td>';
  return html`<td><span title="${unprotectedText(unprotected)}">${unprotected}</span></td>`;
}

/** Each reason once, for those who have no pointer to point with. */
function unprotectedOf({ atRisk, protection }: AuditReport): string {
  return Array.from(
    unprotectedReasons(protection ? atRisk : []),
    (reason) => html`<p class="advice"><b>${reason}</b> Not protected, as ${unprotectedText(reason)}.</p>`,
  ).join('');
}

/** What to do, each advice once, in the order of those that need it first. */
function adviceOf({ atRisk, settings }: AuditReport): string {
  const advice = new Map<string, string>();
  for (const flow of atRisk) advice.set(atRiskAdvice(flow, settings), flow.reason);
  return Array.from(advice, ([text, reason]) => html`<p class="advice"><b>${reason}</b> ${text}</p>`).join(
    '',
  );
}
