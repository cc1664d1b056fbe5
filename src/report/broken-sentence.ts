import { endpointText } from '../lib/endpoint-text.ts';
import { humanDuration } from '../lib/human-duration.ts';
import type { NamedClient, NamedPickup, NamedService } from '../model/named-finding.ts';
import { deleterPortId } from './broken-line.ts';

/** Sysctls by the last part of their name, as far as they could be read. */
export type KernelSettings = Readonly<Record<string, number | undefined>>;

/** The `msg` of a broken connection: who, what happened, why, and what to do about it. */
export function brokenSentence(pickup: NamedPickup, settings: KernelSettings = {}): string {
  const { client, service, verdict } = pickup;
  const who = `Connection from ${clientText(client)} to ${serviceText(service)}`;
  const what = verdict === 'stalled' ? 'stalled' : 'was reset';
  return `${who} ${what}: ${loss(pickup)}${idle(pickup)}${nextPacket(pickup)}. ${advice(pickup, settings)}`;
}

function clientText({ namespace, pod, workload, ip, port }: NamedClient): string {
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  if (pod === undefined) {
    return workload === undefined
      ? endpointText(ip, port)
      : `${prefix}${workload} (${endpointText(ip, port)})`;
  }
  const owned = workload !== undefined && workload !== `Pod/${pod}`;
  return owned ? `${prefix}${pod} (${workload})` : `${prefix}${pod}`;
}

function serviceText({ known, namespace, name, ip, port, servicePort }: NamedService): string {
  return known ? `${namespace}/${name}:${servicePort}` : endpointText(ip, port);
}

function loss(pickup: NamedPickup): string {
  switch (pickup.cause) {
    case 'timeout':
      return 'its conntrack entry timed out';
    case 'deleted': {
      const portId = deleterPortId(pickup);
      return `a program${portId === undefined ? '' : ` (port id ${portId})`} deleted its conntrack entry`;
    }
    case 'ipvs':
      return 'IPVS forgot it';
    case 'kernel':
      return 'the kernel removed its conntrack entry early';
    case 'unseen':
      return 'its conntrack entry was gone and no event told of it';
    case 'unknown':
      return 'its conntrack entry was removed';
  }
}

/** The time belongs to the packet that came after it, and in a timeout to the cause as well. */
function idle({ cause, idleSeconds }: NamedPickup): string {
  if (idleSeconds === undefined) return ', and ';
  const time = `after ${humanDuration(idleSeconds)} idle`;
  return cause === 'timeout' || cause === 'ipvs' ? ` ${time}, and ` : `, and ${time} `;
}

function nextPacket(pickup: NamedPickup): string {
  const { sender, mapping, verdict, oldBackend, newBackend } = pickup;
  const stalled = verdict === 'stalled';
  const to = newBackend ? endpointText(newBackend.ip, newBackend.port) : 'another backend';
  const end = stalled ? ', which has not answered (the client may retransmit for up to 15 minutes)' : '';
  if (sender === 'server') {
    return `the next packet came from the server and reached the client untranslated, which ${stalled ? 'has not answered' : 'refused it'}`;
  }
  switch (mapping) {
    case 'backend_changed': {
      const old = oldBackend ? ` instead of ${endpointText(oldBackend.ip, oldBackend.port)}` : '';
      return `the next packet went to ${to}${old}${end}`;
    }
    case 'source_changed':
      return `the next packet went to the same backend ${to} from another masqueraded address or port${end}`;
    case 'none':
      return `the next packet was not translated to any backend${stalled ? ' and has not been answered (the client may retransmit for up to 15 minutes)' : ''}`;
    case 'same':
      return `the next packet went to the same backend ${to}${end}`;
    case 'unknown':
      return `the next packet went to ${to} (the old backend is not known)${end}`;
  }
}

function advice(pickup: NamedPickup, settings: KernelSettings): string {
  switch (pickup.cause) {
    case 'timeout':
      return timeoutAdvice(pickup, settings);
    case 'deleted':
      return 'Find the program: the port id is usually its process id; conntrack -F or -D, the CNI plugin and kube-proxy do this.';
    case 'ipvs':
      return 'Set TCP keepalive in the client below the IPVS timeout (900 s unless set), or raise --ipvs-tcp-timeout of kube-proxy.';
    case 'kernel':
      return 'Look for pressure on the conntrack table (table_entries against table_limit) and for a masquerade device that went down.';
    case 'unseen':
      return 'The entry was older than the agent, or events were lost: see events_lost_total.';
    case 'unknown':
      return 'Linux before 5.11 does not say why.';
  }
}

/** Each TCP state has a timeout of its own: net/netfilter/nf_conntrack_standalone.c. */
function timeoutAdvice({ evidence }: NamedPickup, settings: KernelSettings): string {
  const state = evidence.find((event) => event.type === 'destroy')?.tcpState ?? 'ESTABLISHED';
  const sysctl = `nf_conntrack_tcp_timeout_${state.toLowerCase()}`;
  const seconds = settings[sysctl];
  const named = seconds === undefined ? sysctl : `${sysctl} (${humanDuration(seconds)})`;
  if (state !== 'ESTABLISHED') return `It was half closed, in ${state}: raise ${named}.`;
  return `Set TCP keepalive in the client below ${named}, or raise that.`;
}
