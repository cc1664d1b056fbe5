import type { LogLine } from '../../lab/agent-process.ts';
import type { Lab } from '../../lab/lab.ts';
import type { PeerConnection, SettledConnection } from '../../lab/peer-protocol.ts';
import { humanDuration } from '../../lib/human-duration.ts';
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

/** What a person reads when a connection breaks: one method a scene. Times are seconds since the round began. */
export interface Story {
  introduce(lab: Lab, rules: string, establishedSeconds: number): void;
  begin(round: number): void;
  connected(connections: readonly PeerConnection[]): void;
  atRisk(audit: AuditDocument): void;
  idled(ms: number): void;
  sent(seen: readonly SettledConnection[]): void;
  luck(): void;
  /** The events of one connection. */
  kernel(connection: SettledConnection, lines: readonly string[]): void;
  agent(line: LogLine): void;
  metric(before: SeriesValues, after: SeriesValues): void;
  end(agentStatus: number | null): void;
}

export function createStory(narrator: Narrator): Story {
  const { write, paint, heading, scene, row, remark, paragraph } = narrator;
  return {
    introduce(lab, rules, establishedSeconds) {
      tellCluster(narrator, 'A connection through a Service breaks, and is found', lab, rules, 'agent');
      write(`\
  nf_conntrack_tcp_timeout_established is ${establishedSeconds} s on this node; in a cluster it is a day, or five.
  A connection that is idle for longer loses its conntrack entry, and with it the choice of its backend.`);
    },
    begin: (round) => narrator.begin(round === 1 ? 'The connection' : `Once more (${round})`),
    connected: (connections) => tellConnected(narrator, connections),
    atRisk({ service_connections, connections_at_risk, connections }) {
      scene(
        'audit',
        `${connections_at_risk} of ${service_connections} connections through Services will break if they stay idle; the first of them:`,
      );
      const [first] = connections;
      if (!first) return;
      const { client, service, backend, idle_seconds: idle, keepalive } = first;
      const rows = [
        ['client', `${client.namespace}/${client.pod}, port ${client.port}, ${client.workload}`],
        ['service', `${service.namespace}/${service.name}:${service.port}, on ${backend.pod}`],
        ['idle', idle === undefined ? 'not known' : humanDuration(idle)],
        ['expires in', paint('yellow', humanDuration(first.expires_in_seconds))],
        ['keepalive', keepalive.state],
      ];
      for (const [name = '', value] of rows) row(`${name.padEnd(12)}${value}`);
      remark(first.advice);
    },
    idled(ms) {
      scene('client', `was idle for ${ms / 1000} s: the entries' time ran out, neither end was told`);
    },
    sent: (seen) => tellSent(narrator, seen),
    luck() {
      scene(
        '',
        'The rules picked anew, and happened to pick the old backend each time: near misses, no break.',
      );
    },
    kernel({ localPort }, lines) {
      heading(`What the kernel told of port ${localPort} (conntrack -E, an independent witness)`);
      for (const line of lines) {
        const { type, text } = readEvent(line);
        tellEvent(narrator, line, type === 'DESTROY' || (type === 'NEW' && text.includes('ESTABLISHED')));
      }
      paragraph(
        11,
        'The entry goes (no time left is printed: it ran out); the next packet makes a NEW one that is ESTABLISHED at birth, to the other backend; that one answers RST: DESTROY in CLOSE.',
        'dim',
      );
    },
    agent(line) {
      heading('What the agent logged (kubectl logs)');
      paragraph(2, line.msg, 'yellow');
      const { msg: _, evidence, ...fields } = line;
      write('');
      for (const [name, value] of Object.entries(fields)) {
        write(`  ${name.padEnd(17)} ${typeof value === 'object' ? compact(value) : String(value)}`);
      }
      write(
        `  ${'evidence'.padEnd(17)} ${(evidence as unknown[]).length} events, with both tuples and times`,
      );
    },
    metric(before, after) {
      heading('The metric that moved (GET /metrics)');
      tellMetric(narrator, 'broken_connections_total', before, after);
    },
    end: (agentStatus) => tellEnd(narrator, agentStatus),
  };
}

/** `{ip: 10.0.0.1, port: 80}` without quotes, for reading. */
function compact(value: object | null): string {
  return JSON.stringify(value)
    .replaceAll('"', '')
    .replaceAll(',', ', ')
    .replaceAll(/(?<=[{ ]\w+):/g, ': ');
}
