import type { FlowStore } from '../../audit/flow-store.ts';
import type { KubernetesEvents } from '../../report/kubernetes-events.ts';
import type { ReadyCondition } from '../../report/metric-table.ts';
import type { Readiness } from '../../report/readiness.ts';
import type { Readings } from '../../report/readings.ts';
import { readStats } from '../shared/read-stats.ts';
import type { FlowWatch } from '../shared/watch-flows.ts';
import { NO_SNAPSHOT, type TableWatch } from '../table/watch-table.ts';
import type { FollowedTopology } from '../topology/follow-topology.ts';
import type { Checkup } from './checkup.ts';

/** The parts of an agent that have something to read; those that come later are undefined until then. */
export interface AgentParts {
  readonly checkup: Checkup;
  readonly readiness: Readiness<ReadyCondition>;
  readonly store: FlowStore;
  watch?: FlowWatch;
  table?: TableWatch;
  names?: FollowedTopology;
  kubernetesEvents?: KubernetesEvents | undefined;
}

/** What a scrape, or the status page, asks the agent for. */
export function readAgent({
  checkup,
  readiness,
  store,
  watch,
  table,
  names,
  kubernetesEvents,
}: AgentParts): Readings {
  const settings = checkup.settings();
  const { lost, unconfirmed, pending, broken } = watch?.detector ?? {};
  const sizes = (t = { size: 0, evictions: 0 }) => ({ entries: t.size, evictions: t.evictions });
  return {
    eventsLost: checkup.eventsLost(watch?.eventsLost()),
    tableEntries: settings.get('nf_conntrack_count'),
    tableLimit: settings.get('nf_conntrack_max'),
    kernelSettings: Object.fromEntries(settings),
    readyConditions: readiness.conditions(),
    kernelStats: { ...readStats() },
    topology: names?.readings(),
    kubernetesEvents: kubernetesEvents?.counts(),
    ...(table?.readings() ?? NO_SNAPSHOT),
    flowTables: {
      lost: sizes(lost),
      unconfirmed: sizes(unconfirmed),
      pending: sizes(pending),
      broken: sizes(broken),
      snapshot: { entries: store.size + store.remembered, evictions: store.evictions },
    },
  };
}
