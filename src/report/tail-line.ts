import { styleText } from 'node:util';
import { IPS_OFFLOAD } from '../lib/ctnetlink.ts';
import { endpointText } from '../lib/endpoint-text.ts';
import { printable } from '../lib/printable.ts';
import { hasPorts, protocolName } from '../lib/protocol-name.ts';
import { shortDuration } from '../lib/short-duration.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import type { NamedEvent } from '../model/named-event.ts';
import type { NamedBackend, NamedClient, NamedPickup, NamedService } from '../model/named-finding.ts';
import { brokenSentence } from './broken-sentence.ts';
import { decidedAtMs, isoTimes } from './finding-time.ts';
import type { TailLines } from './tail-lines.ts';

const TYPES: Readonly<Record<FlowEvent['type'], string>> = {
  new: '    [NEW]',
  update: ' [UPDATE]',
  destroy: '[DESTROY]',
  snapshot: '         ',
};
/** As wide as the above. */
const FINDING = '      >>>';
const LONGEST_STATE = 'ESTABLISHED'.length;
type Style = Parameters<typeof styleText>[0];

/**
 * Lines for people, in the order and with the words of `conntrack -E`: time, event, protocol, state, remaining time,
 * flags, client -> Service -> backend with their names in brackets, port id. Nothing is cut.
 */
export function tailText(color: boolean): TailLines {
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const isoTime = isoTimes();
  const finding = (atMs: number, style: Style, text: string) =>
    `${isoTime(atMs)} ${paint(style, `${FINDING} ${printable(text)}`)}\n`;

  return {
    event: (named) => `${printable(`${isoTime(named.event.atMs)} ${eventText(named)}`)}\n`,
    finding(found, settings) {
      const { client, service, cause } = found;
      const way = `${clientText(client)} -> ${serviceText(service)}`;
      if (found.kind === 'entry_lost') {
        const state = found.tcpState === undefined ? '' : `, in ${found.tcpState}`;
        return finding(found.atMs, 'yellow', `ENTRY LOST (${cause}${state}) ${way}`);
      }
      const atMs = decidedAtMs(found);
      if (found.broken) {
        const { ip, port } = client;
        const who = `${endpointText(ip, port)} -> ${endpointText(service.ip, service.port)}`;
        return finding(atMs, ['bold', 'red'], `BROKEN CONNECTION ${who}: ${brokenSentence(found, settings)}`);
      }
      return finding(atMs, found.verdict === 'survived' ? 'green' : 'yellow', pickupText(found, way));
    },
    lost: (lost) => `${paint(['bold', 'magenta'], `-- ${eventsText(lost)} lost here --`)}\n`,
    skipped(events, findings) {
      const what = findings === 0 ? '' : ` and ${findings} ${findings === 1 ? 'finding' : 'findings'}`;
      const text = `-- ${eventsText(events)}${what} not shown here: this output was not read fast enough --`;
      return `${paint(['bold', 'magenta'], text)}\n`;
    },
  };
}

function eventText({ event, client, service, backend, masqueradedAs }: NamedEvent): string {
  const { original, reply, protocol, zone, portId } = event;
  const at = hasPorts(protocol) ? endpointText : (ip: string) => ip;
  const isTranslated = original.dst !== reply.src || original.dport !== reply.sport;
  const masquerade = masqueradedAs ? ` as ${at(masqueradedAs.ip, masqueradedAs.port)}` : '';
  let way = `${at(client.ip, client.port)}${namesOfClient(client)}${masquerade} -> `;
  if (isTranslated) way += `${at(original.dst, original.dport)}${namesOfService(service)} -> `;
  way += at(backend.ip, backend.port);
  way += !isTranslated && service?.known ? namesOfService(service) : namesOfBackend(backend);
  return `${TYPES[event.type]} ${whatText(event)} ${way}${zone === 0 ? '' : ` zone=${zone}`}${portId === 0 ? '' : ` portid=${portId}`}`;
}

/** Protocol, state, remaining time and flags, in columns as long as they are of TCP. */
function whatText({ protocol, tcpState, timeoutSeconds, seenReply, assured, status = 0 }: FlowEvent): string {
  // A remaining time of zero is left out of the message; kernels before 5.11 leave out any, and the state.
  const left = timeoutSeconds ?? (tcpState === undefined ? '-' : 0);
  const what = `${protocolName(protocol)} ${(tcpState ?? '-').padEnd(LONGEST_STATE)} ${String(left).padStart(6)}`;
  return `${what}${seenReply ? '' : ' [UNREPLIED]'}${status & IPS_OFFLOAD ? ' [OFFLOAD]' : assured ? ' [ASSURED]' : ''}`;
}

function pickupText(pickup: NamedPickup, way: string): string {
  const { verdict, mapping, cause, sender, newBackend, verdictAfterMs } = pickup;
  const backend = newBackend
    ? ` -> ${endpointText(newBackend.ip, newBackend.port)}${namesOfBackend(newBackend)}`
    : '';
  const after = shortDuration(verdictAfterMs).replace('µ', 'u');
  return `PICKUP ${verdict} (mapping ${mapping}, cause ${cause}, ${sender} spoke first) ${way}${backend} after ${after}`;
}

function clientText(client: NamedClient): string {
  return endpointText(client.ip, client.port) + namesOfClient(client);
}

function serviceText(service: NamedService): string {
  return endpointText(service.ip, service.port) + namesOfService(service);
}

function namesOfClient({ namespace, pod, workload }: NamedClient): string {
  if (pod === undefined) return workload === undefined ? '' : ` (${workload})`;
  const owner = workload === undefined || workload === `Pod/${pod}` ? '' : `, ${workload}`;
  return ` (${namespace}/${pod}${owner})`;
}

function namesOfService(service: NamedService | undefined): string {
  return service?.known ? ` (${service.namespace}/${service.name}:${service.servicePort})` : '';
}

function namesOfBackend({ namespace, pod, node }: NamedBackend): string {
  if (pod !== undefined) return ` (${namespace}/${pod})`;
  return node === undefined ? '' : ` (Node/${node})`;
}

function eventsText(count: number): string {
  return `${count} ${count === 1 ? 'event' : 'events'}`;
}
