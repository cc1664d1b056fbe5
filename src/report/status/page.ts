import { html } from 'ghtml';
import type { AuditReport } from '../audit-report.ts';
import type { KernelSettings } from '../broken-sentence.ts';
import { atRiskView } from './at-risk-view.ts';
import { breakView } from './break-view.ts';
import type { Health } from './health.ts';
import { healthView } from './health-view.ts';
import { protectedView } from './protected-view.ts';
import type { NumberedBreak } from './recent-breaks.ts';

export interface PageContent {
  readonly health: Health;
  readonly breaks: readonly NumberedBreak[];
  readonly brokenTotal: number;
  readonly atRisk: AuditReport | undefined;
  readonly settings: KernelSettings;
}

/** Where the page's own files and the JSON behind it are served. */
export const PATHS = {
  style: '/status.css',
  script: '/status.js',
  broken: '/api/v1/broken',
  atRisk: '/api/v1/at-risk',
  health: '/api/v1/health',
  stream: '/api/v1/stream',
} as const;

/** The whole page. It is complete without its script, which only keeps it current. */
export function statusPage({ health, breaks, brokenTotal, atRisk, settings }: PageContent): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${brokenTotal} broken on ${health.node} · conntrack-watchdog</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${PATHS.style}">
<script src="${PATHS.script}" defer></script>
</head>
<body>
<header><h1>${health.node}</h1>
<p id="state" data-live><span class="badge ${health.ready ? 'ok' : 'bad'}">${health.ready ? 'ready' : 'not ready'}</span>
<span class="badge ${brokenTotal === 0 ? 'ok' : 'bad'}">${brokenTotal} broken</span>
<span class="badge ${atRisk && atRisk.total > 0 ? 'warn' : 'ok'}">${atRisk ? atRisk.total : '?'} at risk</span>
!${health.protect === 'off' ? '' : html`<span class="badge ok">${atRisk?.protection?.connections ?? '?'} protected</span>`}</p>
<p id="live" role="status" hidden></p>
<p class="product">conntrack-watchdog ${health.version}. Times are UTC.</p></header>
<main>
!${breaksView({ breaks, brokenTotal, settings, startedAt: health.started_at })}
!${atRiskView(atRisk, health.snapshot_interval_seconds !== undefined)}
!${protectedView(health, atRisk)}
!${healthView(health, atRisk)}
</main>
<footer><p>The same as JSON: !${[PATHS.broken, PATHS.atRisk, PATHS.health].map((path) => html`<a href="${path}">${path}</a> `)}</p></footer>
</body>
</html>
`;
}

interface Breaks extends Pick<PageContent, 'breaks' | 'brokenTotal' | 'settings'> {
  readonly startedAt: string;
}

function breaksView({ breaks, brokenTotal, settings, startedAt }: Breaks): string {
  const since = startedAt.slice(0, 16).replace('T', ' ');
  const shown = breaks.length < brokenTotal ? ` The newest ${breaks.length} of them, newest first:` : '';
  return html`<section id="broken" data-live><div class="head"><h2>Broken connections <span class="count">${brokenTotal}</span></h2>
!${
    brokenTotal === 0
      ? html`<p class="none">None since ${since}.</p>`
      : html`<p>${brokenTotal} since ${since}.${shown}</p>`
  }</div>
<div class="list">!${breaks.map((each) => breakView(each, settings))}</div>
</section>`;
}
