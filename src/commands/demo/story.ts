import { styleText } from 'node:util';
import type { LogLine } from '../../lab/agent-process.ts';
import type { Lab } from '../../lab/lab.ts';
import type { PeerConnection, SettledConnection } from '../../lab/peer-protocol.ts';
import { endpointText } from '../../lib/endpoint-text.ts';
import { humanDuration } from '../../lib/human-duration.ts';
import { wrapText } from '../../lib/wrap-text.ts';
import type { AtRiskLine } from '../../report/at-risk-line.ts';

const WIDTH = 100;
const INDENT = ' '.repeat(11);
type Style = Parameters<typeof styleText>[0];

/** What `audit --json` prints. */
export interface AuditDocument {
  readonly service_connections: number;
  readonly connections_at_risk: number;
  readonly connections: readonly AtRiskLine[];
}

/** What a person reads: one method a scene. Times are seconds since the round began. */
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
  metric(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void;
  end(agentStatus: number | null): void;
}

export function createStory(write: (text: string) => void, color: boolean): Story {
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  let begunAtMs = 0;
  const scene = (who: string, text: string) => {
    const seconds = `+${((performance.now() - begunAtMs) / 1000).toFixed(2)} s`;
    const [first = '', ...rest] = wrapText(text, WIDTH - 22);
    write(`  ${paint('dim', seconds.padEnd(9))}${paint('bold', who.padEnd(10))} ${first}`);
    for (const line of rest) write(`${' '.repeat(22)}${line}`);
  };
  const heading = (text: string) => write(`\n${paint('bold', text)}`);

  return {
    introduce(lab, rules, establishedSeconds) {
      const service = endpointText(lab.service.ip, lab.service.port);
      const backends = lab.servers.map((server) => endpointText(server.ip, server.port));
      heading('A connection through a Service breaks, and is found');
      write(`
  On this machine, in network namespaces of its own, stand

    client pod  ${lab.clients[0]!.address.padEnd(24)} shop/checkout
    Service     ${service.padEnd(24)} shop/redis, DNAT as kube-proxy writes it (${rules})
    backends    ${backends.join(' and ')}
    node        ${lab.node.address.padEnd(24)} conntrack, and conntrack-watchdog agent

  nf_conntrack_tcp_timeout_established is ${establishedSeconds} s on this node; in a cluster it is a day, or five.
  A connection that is idle for longer loses its conntrack entry, and with it the choice of its backend.`);
    },
    begin(round) {
      begunAtMs = performance.now();
      heading(round === 1 ? 'The connection' : `Once more (${round})`);
    },
    connected(connections) {
      const [{ localAddress, remoteAddress, remotePort }] = connections as [PeerConnection];
      const ports = connections.map(({ localPort }) => localPort).join(', ');
      scene(
        'client',
        `${localAddress} opened ${connections.length} connections to ${endpointText(remoteAddress, remotePort)}, from ports ${ports}; each sent "hello" and was answered`,
      );
    },
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
      for (const [name = '', value] of rows) write(`${' '.repeat(22)}${name.padEnd(12)}${value}`);
      for (const line of wrapText(first.advice, WIDTH - 22)) write(`${' '.repeat(22)}${paint('dim', line)}`);
    },
    idled(ms) {
      scene('client', `was idle for ${ms / 1000} s: the entries' time ran out, neither end was told`);
    },
    sent(seen) {
      scene('client', 'sent one more message on each of the open connections, and saw:');
      for (const { localPort, outcome, errorCode } of seen) {
        const saw = outcome === 'answered' ? paint('green', 'answered') : paint('red', errorCode ?? outcome);
        write(`${' '.repeat(22)}port ${localPort}: ${saw}`);
      }
    },
    luck() {
      scene(
        '',
        'The rules picked anew, and happened to pick the old backend each time: near misses, no break.',
      );
    },
    kernel({ localPort }, lines) {
      heading(`What the kernel told of port ${localPort} (conntrack -E, an independent witness)`);
      for (const line of lines) {
        const [, time = '', type = '', text = ''] = /^\[(\d+\.\d+)\]\s+\[(\w+)\]\s+(.*)$/.exec(line) ?? [];
        const style: Style = isEvidence(type, text) ? 'yellow' : 'dim';
        const clock =
          new Date(Number(time) * 1000).toISOString().slice(17, 19) + time.slice(time.indexOf('.'));
        // The original tuple with what is said of the entry on one line, the reply tuple on the next.
        const flat = text.replaceAll(/\s+/g, ' ');
        const [, entry = flat, reply = ''] = /^(.*? dport=\d+) (.*)$/.exec(flat) ?? [];
        write(`  ${paint('dim', clock.padEnd(9))} ${paint(style, `${type.padEnd(8)} ${entry}`)}`);
        write(`${' '.repeat(21)}${paint(style, reply)}`);
      }
      write(
        paint(
          'dim',
          `${INDENT}The entry goes (no time left is printed: it ran out); the next packet makes a NEW one that is\n${INDENT}ESTABLISHED at birth, to the other backend; that one answers RST: DESTROY in CLOSE.`,
        ),
      );
    },
    agent(line) {
      heading('What the agent logged (kubectl logs)');
      for (const text of wrapText(line.msg, WIDTH - 2)) write(`  ${paint('yellow', text)}`);
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
      for (const [labels, value] of after) {
        const old = before.get(labels) ?? 0;
        if (value === old) continue;
        write('  conntrack_watchdog_broken_connections_total');
        for (const text of wrapText(labels.replaceAll('",', '", '), WIDTH - 4)) write(`    ${text}`);
        write(`    ${old} -> ${paint('bold', String(value))}`);
      }
    },
    end(agentStatus) {
      write(`\n  The agent was stopped (exit status ${agentStatus}); the namespaces are removed.\n`);
    },
  };
}

function isEvidence(type: string, text: string): boolean {
  return type === 'DESTROY' || (type === 'NEW' && text.includes('ESTABLISHED'));
}

/** `{ip: 10.0.0.1, port: 80}` without quotes, for reading. */
function compact(value: object | null): string {
  return JSON.stringify(value)
    .replaceAll('"', '')
    .replaceAll(',', ', ')
    .replaceAll(/(?<=[{ ]\w+):/g, ': ');
}
