import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { DashboardLink } from '@grafana/grafana-foundation-sdk/dashboard';
import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';
import { link } from './fields.ts';

export const FLEET_UID = 'conntrack-watchdog-fleet';
export const NODE_UID = 'conntrack-watchdog-node';

/** Both dashboards have these; the others mean something else in the other one. */
const SHARED = `\${datasource:queryparam}&\${job:queryparam}`;
/** Where a link in data goes; a link of the dashboard itself keeps the time of its own accord. */
const here = (uid: string) => `/d/${uid}?${SHARED}&\${__url_time_range}`;

/** The link at the top of a dashboard to the other one. */
export function linkTo(title: string, uid: string): Builder<DashboardLink> {
  const builder = new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('dashboard')
    .tooltip('Same time range')
    .url(`/d/${uid}?${SHARED}`)
    .keepTime(true);
  // The builder's default hides it in a menu.
  const { placement: _, ...link } = builder.build();
  return { build: () => link };
}

/** For a column of a table that holds names of nodes. */
export const nodeOfCell = link('Open this node', `${here(NODE_UID)}&var-node=\${__value.raw}`);
/** For a graph with a series for each node. */
export const nodeOfSeries = link('Open this node', `${here(NODE_UID)}&var-node=\${__field.labels.instance}`);
/** For a column of a table that holds names of Services. */
export const serviceOfCell = link(
  'Only this Service, all nodes',
  `${here(FLEET_UID)}&var-service=\${__value.raw}`,
);
