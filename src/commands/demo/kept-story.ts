import type { Lab } from '../../lab/lab.ts';
import type { PeerConnection, SettledConnection } from '../../lab/peer-protocol.ts';
import type { Narrator } from './narrator.ts';
import {
  type AuditDocument,
  readEvent,
  type SeriesValues,
  tellCluster,
  tellConnected,
  tellEnd,
  tellEvent,
  tellMetric,
  tellSent,
} from './scenes.ts';

/** What `conntrack -L` says of a connection; undefined: it has no entry. */
export interface TimeLeft {
  readonly port: number;
  readonly seconds: number | undefined;
}

/** What a person reads when connections are kept alive: one method a scene. */
export interface KeptStory {
  introduce(lab: Lab, rules: string, establishedSeconds: number): void;
  begin(): void;
  connected(connections: readonly PeerConnection[]): void;
  listed(times: readonly TimeLeft[]): void;
  /** `unprotected`: the same as if nothing were renewed. */
  audited(audit: AuditDocument, unprotected: AuditDocument): void;
  idled(ms: number, establishedSeconds: number): void;
  sent(seen: readonly SettledConnection[]): void;
  /** The events of one connection. */
  kernel(port: number, lines: readonly string[]): void;
  metric(name: string, before: SeriesValues, after: SeriesValues): void;
  without(establishedSeconds: number, broken: SeriesValues): void;
  end(agentStatus: number | null): void;
}

export function createKeptStory(narrator: Narrator): KeptStory {
  const { write, paint, heading, scene, row, remark, paragraph } = narrator;
  return {
    introduce(lab, rules, establishedSeconds) {
      const title = 'A connection through a Service is idle for longer than its timeout, and lives';
      tellCluster(narrator, title, lab, rules, 'agent --protect renew');
      write(`\
  nf_conntrack_tcp_timeout_established is ${establishedSeconds} s on this node; in a cluster it is a day, or five.
  A connection that is idle for longer loses its conntrack entry, and with it the choice of its backend. This
  agent gives the entry its whole time again before that, as long as the client has the connection open.`);
    },
    begin: () => narrator.begin('The connection'),
    connected: (connections) => tellConnected(narrator, connections),
    listed(times) {
      const texts = times.map(
        ({ port, seconds }) => `port ${port} ${seconds === undefined ? 'no entry' : `${seconds} s`}`,
      );
      scene('kernel', `time left of their entries (conntrack -L): ${texts.join(', ')}`);
    },
    audited(audit, unprotected) {
      const {
        service_connections,
        connections_at_risk,
        protected_connections = 0,
        protected: rows = [],
      } = audit;
      scene(
        'audit',
        `${protected_connections} of ${service_connections} connections through Services are protected, ${connections_at_risk} at risk:`,
      );
      for (const { client, service, connections } of rows) {
        const from = `${client.namespace}/${client.workload}`;
        row(
          `${from} to ${service.namespace}/${service.name}:${service.port}: ${paint('green', `${connections} protected`)}`,
        );
      }
      remark(
        `The command asked the agent whether it renews entries. If it did not, ${unprotected.connections_at_risk} of ${unprotected.service_connections} would break if they stay idle (audit --protect off).`,
      );
    },
    idled(ms, establishedSeconds) {
      const times = (ms / 1000 / establishedSeconds).toFixed(1);
      scene('client', `was idle for ${ms / 1000} s, ${times} times the timeout: it sent nothing`);
    },
    sent: (seen) => tellSent(narrator, seen),
    kernel(port, lines) {
      heading(`What the kernel told of port ${port} (conntrack -E, an independent witness)`);
      const isRenewal = (line: string) => readEvent(line).text.includes('[USERSPACE]');
      const renewals = lines.filter(isRenewal);
      for (const line of lines.filter((each) => !isRenewal(each) || each === renewals[0])) {
        tellEvent(narrator, line, isRenewal(line));
      }
      if (renewals.length > 1) {
        const clocks = renewals.slice(1).map((line) => readEvent(line).clock.slice(0, -4));
        paragraph(11, `and the same again at ${clocks.join(', ')}`, 'yellow');
      }
      paragraph(
        11,
        'No packet made these: a program did (USERSPACE, with its port id), which is the agent. Each is an UPDATE of the entry that is there, with its whole time again and the same backend. No DESTROY: it never went.',
        'dim',
      );
    },
    metric(name, before, after) {
      heading('The metric that moved (GET /metrics)');
      tellMetric(narrator, name, before, after);
    },
    without(establishedSeconds, broken) {
      heading('Without protection');
      const found = [...broken.values()].reduce((sum, value) => sum + value, 0);
      paragraph(
        2,
        `The entries would have gone after ${establishedSeconds} s, and neither end would have been told. The rules would have picked a backend anew for the next message, and one that does not know the connection answers with a reset: the demo without --protect shows it. This time conntrack_watchdog_broken_connections_total is ${found}.`,
      );
    },
    end: (agentStatus) => tellEnd(narrator, agentStatus),
  };
}
