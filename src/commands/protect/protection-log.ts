import type { RenewalWindow } from '../../audit/renewal-window.ts';
import type { AuditSummary } from '../../audit/summary.ts';
import { humanDuration } from '../../lib/human-duration.ts';
import type { TcpTimeouts } from '../../lib/tcp-timeouts.ts';
import type { Log } from '../../report/log.ts';
import type { RoundResult } from './protect-flows.ts';

/** Workloads come and go without end; of more than this, and of more in one round, no line is written. */
const MOST_WORKLOADS = 10_000;
const MOST_LINES_A_ROUND = 100;
/** Rounds are short enough again when they take so much of what they may. */
const CALM = 0.75;

export interface ProtectionLog {
  /** Before the renewals of a round. */
  begin(audit: AuditSummary, timeouts: TcpTimeouts, window: RenewalWindow): void;
  /** After them. */
  end(round: RoundResult): void;
}

/** What is said of protection: what it does from now on, for whom it begins, and each trouble when it begins and ends. */
export function createProtectionLog(log: Log, maxIdleMs: number): ProtectionLog {
  const begun = new Set<string>();
  const said = new Set<string>();
  let failing = false;
  let limited = false;
  let hurried = false;
  let wasUnseen = false;
  const once = (what: string, say: () => void) => {
    if (said.has(what)) return;
    said.add(what);
    say();
  };
  log.info(
    'protection_on',
    `The conntrack entries of open connections through Services are renewed before they expire, while their client has them open and their backend is one of the Service, for at most ${humanDuration(maxIdleMs / 1000)} without a packet (--protect renew)`,
    { max_idle_seconds: maxIdleMs / 1000 },
  );

  const sayBegun = (audit: AuditSummary) => {
    let lines = 0;
    for (const { service, client, connections } of audit.protected) {
      const { namespace, workload } = client;
      const key = `${service.namespace}/${service.name}:${service.servicePort} ${namespace}/${workload}`;
      if (begun.has(key) || begun.size >= MOST_WORKLOADS || lines >= MOST_LINES_A_ROUND) continue;
      begun.add(key);
      lines++;
      const who =
        workload === undefined
          ? 'clients of no known workload'
          : [namespace, workload].filter((part) => part !== undefined).join('/');
      log.info(
        'protection_started',
        `Connections of ${who} to ${service.namespace}/${service.name}:${service.servicePort} are protected from now on: ${connections} now`,
        {
          client: { namespace, workload },
          service: { namespace: service.namespace, name: service.name, port: service.servicePort },
          connections,
        },
      );
    }
  };

  const sayUnseen = (connections: number, isAll: boolean) => {
    const what = isAll
      ? `None of the connections of pods can be protected: the sockets of ${connections} are not to be seen from here, so nobody knows whether they are open. The processes of the node are needed in --proc (hostPID), unless all these clients are outside of this node.`
      : `${connections} connections are not protected, as the sockets of their clients are not to be seen from here: from outside of this node, or of pods whose processes are not in --proc (hostPID is needed).`;
    once(isAll ? 'all unseen' : 'unseen', () => log.warn('protection_impossible', what, { connections }));
  };

  return {
    begin(audit, timeouts, { latestSeconds }) {
      sayBegun(audit);
      const ipvs = audit.unprotected.get('ipvs') ?? 0;
      if (ipvs > 0) {
        once('ipvs', () =>
          log.warn(
            'protection_impossible',
            `${ipvs} connections go through IPVS, which forgets a connection by a timer of its own (ipvsadm -l --timeout) that nobody can renew: they are not protected. Their clients need keepalive, or kube-proxy a longer --ipvs-tcp-timeout.`,
            { connections: ipvs },
          ),
        );
      }
      const unseen = audit.unprotected.get('client_unseen') ?? 0;
      // A pod that is being deleted has none for a moment.
      if (unseen > 0 && wasUnseen) sayUnseen(unseen, audit.protected.length === 0);
      wasUnseen = unseen > 0;
      // Its length varies a little from round to round.
      const isHurried = latestSeconds > timeouts.established * (hurried ? CALM : 1);
      if (isHurried && !hurried) {
        log.warn(
          'protection_unsure',
          `nf_conntrack_tcp_timeout_established is ${timeouts.established} s, and that is less than three rounds of reading the table take: an entry may expire before its turn. Set it to a minute at least.`,
          { timeout_seconds: timeouts.established, rounds_seconds: latestSeconds },
        );
      }
      hurried = isHurried;
    },
    end({ services, overLimit, problem }) {
      const failed = [...services.values()].reduce((sum, counts) => sum + counts.failed, 0);
      if (failed > 0 && !failing) {
        log.error(
          'renewals_failed',
          `${failed} conntrack entries could not be renewed (${problem ?? 'nobody said why'}): their connections will break if they stay idle. It is tried again in the next round.`,
          { failed },
        );
      }
      if (failed === 0 && failing)
        log.info('renewals_failed', 'No renewal of a conntrack entry fails any more');
      failing = failed > 0;
      if (overLimit > 0 && !limited) {
        log.warn(
          'protection_limited',
          `${overLimit} entries more were about to expire than are renewed in one round; those that expire first come first, the others may be gone in the next. nf_conntrack_tcp_timeout_established is too short for so many connections`,
          { waiting: overLimit },
        );
      }
      limited = overLimit > 0;
    },
  };
}
