import { endpointText } from '../lib/endpoint-text.ts';
import { humanDuration } from '../lib/human-duration.ts';
import type { NamedClient, NamedPickup } from '../model/named-finding.ts';
import { deleterPortId, lossEvidence } from './loss-evidence.ts';
import { serviceText } from './name-text.ts';

/** Sysctls by the last part of their name, as far as they could be read. */
export type KernelSettings = Readonly<Record<string, number | undefined>>;

/** Who saw it: the agent, which saw the kernel's messages, or a recording, which has less of them. */
export type Witness = 'agent' | 'recording';

/** The `msg` of a broken connection: who, what happened, why, and what to do about it. */
export function brokenSentence(
  pickup: NamedPickup,
  settings: KernelSettings = {},
  witness: Witness = 'agent',
): string {
  const { client, service, verdict } = pickup;
  const who = `Connection from ${clientText(client)} to ${serviceText(service)}`;
  return `${who} ${verdict === 'stalled' ? 'stalled' : 'was reset'}: ${loss(pickup)}, and ${sequel(pickup)}. ${advice(pickup, settings, witness)}`;
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

/** What became of the entry. In a timeout the time without a packet belongs here, it is the cause. */
function loss(pickup: NamedPickup): string {
  const time = isTimeout(pickup) ? idle(pickup) : undefined;
  return `${what(pickup)}${time === undefined ? '' : ` ${time}`}${lastSeen(pickup)}`;
}

function what(pickup: NamedPickup): string {
  switch (pickup.cause) {
    case 'timeout':
      return 'its conntrack entry timed out';
    case 'deleted': {
      if (isUnannounced(pickup)) return 'its conntrack entry was deleted, which no event told of';
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

function lastSeen(pickup: NamedPickup): string {
  const { snapshot } = lossEvidence(pickup);
  if (!snapshot || !isUnannounced(pickup)) return '';
  return ` (last seen in the table ${humanDuration((pickup.pickedUpAtMs - snapshot.atMs) / 1000)} before)`;
}

/** What came next, and after how long if that was not the cause. */
function sequel(pickup: NamedPickup): string {
  const time = isTimeout(pickup) ? undefined : idle(pickup);
  return `${time === undefined ? '' : `${time} `}${nextPacket(pickup)}`;
}

function idle({ idleSeconds }: NamedPickup): string | undefined {
  return idleSeconds === undefined ? undefined : `after ${humanDuration(idleSeconds)} idle`;
}

function isTimeout({ cause }: NamedPickup): boolean {
  return cause === 'timeout' || cause === 'ipvs';
}

/** Only snapshots of the table tell of the loss. */
function isUnannounced(pickup: NamedPickup): boolean {
  const { destroy, snapshot } = lossEvidence(pickup);
  return snapshot !== undefined && destroy === undefined;
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

function advice(pickup: NamedPickup, settings: KernelSettings, witness: Witness): string {
  switch (pickup.cause) {
    case 'timeout':
      return timeoutAdvice(pickup, settings);
    case 'deleted':
      return deletedAdvice(pickup, settings);
    case 'ipvs':
      return 'Set TCP keepalive in the client below the IPVS timeout (900 s unless set), or raise --ipvs-tcp-timeout of kube-proxy.';
    case 'kernel':
      return witness === 'agent'
        ? 'Look for pressure on the conntrack table (table_entries against table_limit) and for a masquerade device that went down.'
        : 'If IPVS serves it, IPVS forgot it, which a recording does not tell; else look for pressure on the conntrack table and for a masquerade device that went down.';
    case 'unseen':
      return witness === 'agent'
        ? unseenAdvice(pickup, settings)
        : 'The entry was older than the recording, or events are missing in it: conntrack -E loses some unless its buffer is large (-b 67108864).';
    case 'unknown':
      return 'Linux before 5.11 does not say why.';
  }
}

function deletedAdvice(pickup: NamedPickup, { nf_conntrack_events: events }: KernelSettings): string {
  const who = 'conntrack -F or -D, the CNI plugin and kube-proxy do this';
  if (!isUnannounced(pickup)) {
    return `Find the program: the port id is usually its process id; ${who}.`;
  }
  return events === 1
    ? `Find the program: ${who}; it is not named because the entry is older than net.netfilter.nf_conntrack_events=1, or events were lost (events_lost_total).`
    : `Find the program: ${who}; to have it named, set net.netfilter.nf_conntrack_events to 1: with 2, entries made before the agent started send no event.`;
}

function unseenAdvice(pickup: NamedPickup, { nf_conntrack_events: events }: KernelSettings): string {
  const lost = 'or events were lost: see events_lost_total';
  if (events !== 1) {
    return `The entry was older than the agent (set net.netfilter.nf_conntrack_events to 1: with 2 such entries send no event), ${lost}.`;
  }
  // One that a snapshot had was there when the agent watched.
  return isUnannounced(pickup)
    ? `The entry was older than net.netfilter.nf_conntrack_events=1, ${lost}.`
    : `The entry was older than the agent, ${lost}.`;
}

/** Each TCP state has a timeout of its own: net/netfilter/nf_conntrack_standalone.c. */
function timeoutAdvice(pickup: NamedPickup, settings: KernelSettings): string {
  const state = lossEvidence(pickup).tcpState ?? 'ESTABLISHED';
  const sysctl = `nf_conntrack_tcp_timeout_${state.toLowerCase()}`;
  const seconds = settings[sysctl];
  const named = seconds === undefined ? sysctl : `${sysctl} (${humanDuration(seconds)})`;
  if (state !== 'ESTABLISHED') return `It was half closed, in ${state}: raise ${named}.`;
  return `Set TCP keepalive in the client below ${named}, or raise that.`;
}
