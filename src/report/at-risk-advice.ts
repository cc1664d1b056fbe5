import { humanDuration } from '../lib/human-duration.ts';
import type { FlowAtRisk } from '../model/at-risk.ts';
import type { KernelSettings } from './broken-sentence.ts';

/** Whatever the timeout here: load balancers in the path cut an idle connection after 240 s, 350 s, 600 s. */
const MAX_KEEPIDLE_SECONDS = 300;
const IPVS_DEFAULT_SECONDS = 900;
const SYSCTL = 'nf_conntrack_tcp_timeout_established';

/** What an advice depends on, apart from the sysctls. */
export type Advisable = Pick<FlowAtRisk, 'reason' | 'keepalive' | 'timeoutSeconds' | 'limitedBy'>;

/** What keeps a connection from breaking: one sentence. */
export function atRiskAdvice(flow: Advisable, settings: KernelSettings): string {
  const keepIdle = humanDuration(keepIdleSeconds(flow.timeoutSeconds));
  const timeout = timeoutText(flow, settings);
  switch (flow.reason) {
    case 'no_keepalive':
      return `Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at most ${keepIdle}, or raise ${timeout}; the pod's sysctl net.ipv4.tcp_keepalive_time only helps sockets that have SO_KEEPALIVE.`;
    case 'slow_keepalive': {
      const { keepalive } = flow;
      const from = keepalive.state === 'armed' ? ` from ${humanDuration(keepalive.idleSetting)} or more` : '';
      return `The first keepalive probe comes too late: lower TCP_KEEPIDLE, or the pod's sysctl net.ipv4.tcp_keepalive_time,${from} to at most ${keepIdle}, or raise ${timeout} above it.`;
    }
    case 'unknown':
      return `What keepalive the client's socket has is not known on this node (its /proc is not visible, the client is elsewhere, or it was just sending): check there with ss -tno that it has a keepalive timer, and that its TCP_KEEPIDLE is at most ${keepIdle}.`;
  }
}

/** Half of the timeout, so that one lost probe is not the end. */
function keepIdleSeconds(timeoutSeconds: number): number {
  return Math.max(1, Math.min(Math.floor(timeoutSeconds / 2), MAX_KEEPIDLE_SECONDS));
}

/** The setting that is the limit, and its value now. */
function timeoutText({ limitedBy, timeoutSeconds }: Advisable, settings: KernelSettings): string {
  if (limitedBy === 'conntrack') return `${SYSCTL} (${humanDuration(settings[SYSCTL] ?? timeoutSeconds)})`;
  const value =
    timeoutSeconds === IPVS_DEFAULT_SECONDS ? '900 s unless set' : `now ${humanDuration(timeoutSeconds)}`;
  return `--ipvs-tcp-timeout of kube-proxy (${value})`;
}
