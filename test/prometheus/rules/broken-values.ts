import { BROKEN_LABELS, NODE_1 } from './agents.ts';
import type { Labels } from './rule-case.ts';

export const BROKEN = 'ConntrackConnectionsBroken';
export const INCREASE = 'conntrack_watchdog:broken_connections:increase10m';

/** The recorded series adds up over `sender`, the alert over `outcome` too. */
const { sender: _, ...recordLabels } = BROKEN_LABELS;
const { outcome: __, ...alertLabels } = recordLabels;
export const RECORD_LABELS: Labels = recordLabels;
export const ALERT_LABELS: Labels = alertLabels;

/** The alert for BROKEN_LABELS of a target. */
export const fires = (target: Labels, labels: Labels = {}): Labels => ({
  alertname: BROKEN,
  severity: 'warning',
  ...target,
  ...alertLabels,
  ...labels,
});

/** That the recorded series has this one value. */
export const value = (count: number, target: Labels = NODE_1, labels: Labels = {}) => ({
  expr: INCREASE,
  samples: [[{ ...target, ...recordLabels, ...labels }, count]] as const,
});

/** That it has none. */
export const none = { expr: INCREASE, samples: [] };
export const quiet = (minute: number) => ({ minute, firing: [], values: none });
