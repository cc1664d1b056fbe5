import { html } from 'ghtml';
import { humanDuration } from '../../lib/human-duration.ts';
import type { AuditReport } from '../audit-report.ts';
import type { Health } from './health.ts';

/** More of the table than this is in use: new connections will soon be refused. */
const FULL = 0.8;

/** Whether the agent sees what it should; what it cannot see is said first. */
export function healthView(health: Health, atRisk: AuditReport | undefined): string {
  const facts = [...factsOf(health), ['Protection', protectionText(health, atRisk)] as const];
  return html`<section id="health" data-live><h2>Agent</h2>
!${health.reasons.map((reason) => html`<p class="problem">Not ready: ${reason}</p>`)}
!${problemsOf(health).map((problem) => html`<p class="problem">${problem}</p>`)}
<dl class="facts">!${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</section>`;
}

function factsOf(health: Health): readonly (readonly [name: string, value: string])[] {
  const { table_entries: entries, table_limit: limit, settings } = health;
  const established = settings['nf_conntrack_tcp_timeout_established'];
  return [
    ['Ready', health.ready ? 'yes' : 'no'],
    [
      'Conntrack table',
      entries === undefined ? '?' : `${entries}${limit === undefined ? '' : ` of ${limit}`}`,
    ],
    ['Established timeout', established === undefined ? '?' : humanDuration(established)],
    ['Last snapshot', timeText(health.snapshot_taken_at)],
    ['Entries without events', numberText(health.blind_entries)],
    ['Events lost', numberText(health.events_lost)],
    ['Memory', `${Math.round(health.resident_bytes / 1e6)} MB`],
    ['Watching since', timeText(health.started_at)],
  ];
}

function protectionText(
  { protect, protect_max_idle_seconds: maxIdle }: Health,
  atRisk: AuditReport | undefined,
): string {
  if (protect === 'renew') {
    return `renew${maxIdle === undefined ? '' : `, idle for at most ${humanDuration(maxIdle)}`}`;
  }
  const rows = [...(atRisk?.atRisk ?? [])];
  const isIpvs = rows.length > 0 && rows.every(({ limitedBy }) => limitedBy === 'ipvs');
  return isIpvs
    ? 'off: there is none for connections through IPVS, which has timers of its own'
    : 'off: with --protect renew the agent keeps the entries of open connections alive';
}

function problemsOf(health: Health): readonly string[] {
  const { table_entries: entries, table_limit: limit, settings, events_lost: lost } = health;
  const problems: string[] = [];
  if (entries !== undefined && limit && entries / limit > FULL) {
    problems.push(
      `The conntrack table is ${Math.floor((entries / limit) * 100)}% full: raise nf_conntrack_max.`,
    );
  }
  if (lost) problems.push(`Lost events: ${lost}, and with them what they told. Raise --receive-buffer.`);
  if (settings['nf_conntrack_tcp_loose'] === 0) {
    problems.push(
      'nf_conntrack_tcp_loose is 0: connections that lost their entry stall, and that cannot be seen.',
    );
  }
  if (health.evictions > 0) {
    problems.push(`Connections forgotten early, because a table of the agent was full: ${health.evictions}.`);
  }
  return problems;
}

function numberText(value: number | undefined): string {
  return value === undefined ? '?' : String(value);
}

function timeText(iso: string | undefined): string {
  return iso === undefined ? 'none yet' : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}
