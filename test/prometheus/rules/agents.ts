import { type Labels, LONG_AGO, type Over, type Series } from './rule-case.ts';

/** As scrape-config.yaml names a target. */
export const NODE_1: Labels = { job: 'conntrack-watchdog', instance: 'node-1', node: 'node-1' };
export const NODE_2: Labels = { job: 'conntrack-watchdog', instance: 'node-2', node: 'node-2' };

/** What stays of a PodMonitor's target. */
export const POD_NODE: Labels = { ...NODE_1, namespace: 'conntrack-watchdog' };

/** As the PodMonitor names a target. */
export function podOn(node: Labels, pod: string): Labels {
  return { ...node, namespace: 'conntrack-watchdog', container: 'agent', endpoint: 'metrics', pod };
}

export const SERVICE: Labels = { service_namespace: 'shop', service_name: 'redis', service_port: '6379' };
export const CHECKOUT: Labels = { client_namespace: 'shop', client_workload: 'Deployment/checkout' };

/** An agent that was there all the time, unless said otherwise: what makes no alert fire. */
export function agent(
  target: Labels,
  { up = '1 240m', start = `${LONG_AGO} 240m` }: { readonly up?: Over; readonly start?: Over } = {},
): Series[] {
  return [
    { name: 'up', labels: target, over: up },
    { name: 'process_start_time_seconds', labels: target, over: start },
  ];
}

/** A metric of the agent. */
export function metric(name: string, labels: Labels, over: Over): Series {
  return { name: `conntrack_watchdog_${name}`, labels, over };
}

export const BROKEN_LABELS: Labels = {
  ...SERVICE,
  ...CHECKOUT,
  cause: 'deleted',
  outcome: 'reset',
  sender: 'client',
};

/** A counter of broken connections; other labels than those of BROKEN_LABELS by `labels`. */
export function broken(target: Labels, over: Over, labels: Labels = {}): Series {
  return metric('broken_connections_total', { ...target, ...BROKEN_LABELS, ...labels }, over);
}
