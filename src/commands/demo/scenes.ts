import type { Lab } from '../../lab/lab.ts';
import type { PeerConnection, SettledConnection } from '../../lab/peer-protocol.ts';
import { endpointText } from '../../lib/endpoint-text.ts';
import type { AtRiskLine } from '../../report/at-risk-line.ts';
import type { Narrator } from './narrator.ts';

/** What `audit --json` prints; the last two only where entries are renewed. */
export interface AuditDocument {
  readonly service_connections: number;
  readonly connections_at_risk: number;
  readonly connections: readonly AtRiskLine[];
  readonly protected_connections?: number;
  readonly protected?: readonly {
    readonly client: { readonly namespace?: string; readonly workload?: string };
    readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
    readonly connections: number;
  }[];
}

/** The values of one metric's series, by their labels, `{name="value",...}`. */
export type SeriesValues = ReadonlyMap<string, number>;

/* Scenes that both stories have. */

export function tellCluster(
  { heading, write }: Narrator,
  title: string,
  lab: Lab,
  rules: string,
  agent: string,
): void {
  const service = endpointText(lab.service.ip, lab.service.port);
  const backends = lab.servers.map((server) => endpointText(server.ip, server.port));
  heading(title);
  write(`
  On this machine, in network namespaces of its own, stand

    client pod  ${lab.clients[0]!.address.padEnd(24)} shop/checkout
    Service     ${service.padEnd(24)} shop/redis, DNAT as kube-proxy writes it (${rules})
    backends    ${backends.join(' and ')}
    node        ${lab.node.address.padEnd(24)} conntrack, and conntrack-watchdog ${agent}
`);
}

export function tellConnected({ scene }: Narrator, connections: readonly PeerConnection[]): void {
  const [{ localAddress, remoteAddress, remotePort }] = connections as [PeerConnection];
  const ports = connections.map(({ localPort }) => localPort).join(', ');
  scene(
    'client',
    `${localAddress} opened ${connections.length} connections to ${endpointText(remoteAddress, remotePort)}, from ports ${ports}; each sent "hello" and was answered`,
  );
}

export function tellSent({ scene, row, paint }: Narrator, seen: readonly SettledConnection[]): void {
  scene('client', 'sent one more message on each of the open connections, and saw:');
  for (const { localPort, outcome, errorCode } of seen) {
    const saw = outcome === 'answered' ? paint('green', 'answered') : paint('red', errorCode ?? outcome);
    row(`port ${localPort}: ${saw}`);
  }
}

/** A line of `conntrack -E -o timestamp`. */
export function tellEvent({ write, paint }: Narrator, line: string, isEvidence: boolean): void {
  const { clock, type, text } = readEvent(line);
  const style = isEvidence ? 'yellow' : 'dim';
  // The original tuple with what is said of the entry on one line, the reply tuple on the next, who did it on the last.
  const [, entry = text, reply = '', program] =
    /^(.*? dport=\d+) (.*?)(?: (\[USERSPACE\].*))?$/.exec(text) ?? [];
  write(`  ${paint('dim', clock.padEnd(9))} ${paint(style, `${type.padEnd(8)} ${entry}`)}`);
  write(`${' '.repeat(21)}${paint(style, reply)}`);
  if (program !== undefined) write(`${' '.repeat(21)}${paint(style, program)}`);
}

export interface KernelEvent {
  /** Second of the minute, with its fraction. */
  readonly clock: string;
  readonly type: string;
  readonly text: string;
}

export function readEvent(line: string): KernelEvent {
  const [, time = '', type = '', text = ''] = /^\[(\d+\.\d+)\]\s+\[(\w+)\]\s+(.*)$/.exec(line) ?? [];
  const clock = new Date(Number(time) * 1000).toISOString().slice(17, 19) + time.slice(time.indexOf('.'));
  return { clock, type, text: text.replaceAll(/\s+/g, ' ') };
}

/** Those series of a metric that have another value than before. */
export function tellMetric(
  narrator: Narrator,
  name: string,
  before: SeriesValues,
  after: SeriesValues,
): void {
  const { write, paint, paragraph } = narrator;
  for (const [labels, value] of after) {
    const old = before.get(labels) ?? 0;
    if (value === old) continue;
    write(`  conntrack_watchdog_${name}`);
    paragraph(4, labels.replaceAll('",', '", '));
    write(`    ${old} -> ${paint('bold', String(value))}`);
  }
}

export function tellEnd({ write }: Narrator, agentStatus: number | null): void {
  write(`\n  The agent was stopped (exit status ${agentStatus}); the namespaces are removed.\n`);
}
