import { DashboardBuilder, DashboardCursorSync } from '@grafana/grafana-foundation-sdk/dashboard';
import { layOut } from './layout.ts';
import { FLEET_UID, linkTo, NODE_UID } from './links.ts';
import { NODE } from './scope.ts';
import { atRisk } from './sections/at-risk.ts';
import { breaks } from './sections/breaks.ts';
import { idleTimes } from './sections/idle.ts';
import { NODE_GLANCE } from './sections/node-glance.ts';
import { NODE_KERNEL } from './sections/node-kernel.ts';
import { NODE_PROCESS } from './sections/node-process.ts';
import { NODE_REPORTS } from './sections/node-reports.ts';
import { NODE_SIGHT } from './sections/node-sight.ts';
import { nearMisses } from './sections/pickups.ts';
import { protection } from './sections/protection.ts';
import { datasource, job, oneNode } from './variables.ts';

/** One node: what breaks there, the kernel's side of it, and whether the agent sees it. */
export function nodeDashboard() {
  const dashboard = new DashboardBuilder('conntrack-watchdog / Node')
    .uid(NODE_UID)
    .description(
      'Connections through Services that broke because the kernel lost their conntrack entry: one node.',
    )
    .tags(['conntrack-watchdog'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(linkTo('Fleet', FLEET_UID))
    .variables([datasource(), job(), oneNode()]);
  return layOut(dashboard, [
    NODE_GLANCE,
    breaks(NODE),
    idleTimes(NODE),
    nearMisses(NODE),
    atRisk(NODE),
    protection(NODE),
    NODE_KERNEL,
    NODE_SIGHT,
    NODE_REPORTS,
    NODE_PROCESS,
  ]).build();
}
