import { DashboardBuilder, DashboardCursorSync } from '@grafana/grafana-foundation-sdk/dashboard';
import { layOut } from './layout.ts';
import { FLEET_UID, linkTo, NODE_UID } from './links.ts';
import { FLEET } from './scope.ts';
import { atRisk } from './sections/at-risk.ts';
import { breaks } from './sections/breaks.ts';
import { FLEET_GLANCE } from './sections/fleet-glance.ts';
import { FLEET_NODES } from './sections/fleet-nodes.ts';
import { idleTimes } from './sections/idle.ts';
import { nearMisses } from './sections/pickups.ts';
import { protection } from './sections/protection.ts';
import { datasource, fleetFilters, job } from './variables.ts';

/** All nodes: what breaks, why, for whom, what is next, and which nodes cannot tell. */
export function fleetDashboard() {
  const dashboard = new DashboardBuilder('conntrack-watchdog / Fleet')
    .uid(FLEET_UID)
    .description(
      'Connections through Services that broke because the kernel lost their conntrack entry: all nodes.',
    )
    .tags(['conntrack-watchdog'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(linkTo('Node', NODE_UID))
    .variables([datasource(), job(), ...fleetFilters()]);
  return layOut(dashboard, [
    FLEET_GLANCE,
    breaks(FLEET),
    idleTimes(FLEET),
    nearMisses(FLEET),
    atRisk(FLEET),
    protection(FLEET),
    FLEET_NODES,
  ]).build();
}
