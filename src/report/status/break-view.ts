import { html } from 'ghtml';
import { endpointText } from '../../lib/endpoint-text.ts';
import { humanDuration } from '../../lib/human-duration.ts';
import type { Tuple } from '../../model/flow.ts';
import type { NamedBackend, NamedClient, NamedPickup } from '../../model/named-finding.ts';
import { brokenLine } from '../broken-line.ts';
import { brokenSentence, type KernelSettings } from '../broken-sentence.ts';
import { deleterPortId } from '../loss-evidence.ts';
import { podPortText, serviceText } from '../name-text.ts';
import { isoTime } from '../named-fields.ts';
import type { NumberedBreak } from './recent-breaks.ts';
import { timelineOf } from './timeline.ts';
import { timelineSvg } from './timeline-svg.ts';

/** A broken connection: one line, that opens into what happened and the events that prove it. */
export function breakView({ number, pickup }: NumberedBreak, settings: KernelSettings): string {
  const { client, service, cause, verdict, idleSeconds } = pickup;
  const at = isoTime(pickup.pickedUpAtMs);
  return html`<details class="break" id="break-${number}"><summary>
<time datetime="${at}">${dateText(at)}</time>
<b class="outcome ${verdict}">${verdict}</b>
<span class="who">${clientText(client)} → ${serviceText(service)}</span>
<span class="why">${cause}${idleSeconds === undefined ? '' : `, idle ${humanDuration(idleSeconds)}`}</span>
</summary>
<p class="sentence">${brokenSentence(pickup, settings)}</p>
!${timelineSvg(timelineOf(pickup))}
<dl class="facts">!${factsOf(pickup).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
!${evidenceTable(pickup)}
</details>`;
}

/** `2026-11-29 07:11:38`, UTC. */
export function dateText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** The workload tells more than the pod, and the pod more than the address. */
export function clientText(client: NamedClient): string {
  const { namespace, workload } = client;
  if (workload === undefined) return podPortText(client);
  return namespace === undefined ? workload : `${namespace}/${workload}`;
}

function factsOf(pickup: NamedPickup): readonly (readonly [name: string, value: string])[] {
  const portId = deleterPortId(pickup);
  return [
    ['Client', podPortText(pickup.client)],
    ['Service', `${pickup.service.ip} port ${pickup.service.port}`],
    ['Old backend', backendText(pickup.oldBackend)],
    ['New backend', backendText(pickup.newBackend)],
    ['Cause', portId === undefined ? pickup.cause : `${pickup.cause}, port id ${portId}`],
    ['Mapping', pickup.mapping],
    ['First to speak', pickup.sender],
  ];
}

function backendText(backend: NamedBackend | undefined): string {
  if (!backend) return 'not known';
  const { node, ready, ip } = backend;
  const more = [
    ...(backend.pod === undefined ? [] : [ip]),
    ...(node === undefined ? [] : [`on ${node}`]),
    ...(ready === false ? ['not ready'] : []),
  ];
  return `${podPortText(backend)}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

function evidenceTable(pickup: NamedPickup): string {
  const rows = brokenLine(pickup).evidence.map(
    (
      event,
    ) => html`<tr><td>${event.at?.slice(11, 23) ?? ''}</td><td>${event.type}</td><td>${event.state ?? ''}</td>
<td>${event.status ?? ''}</td><td>${event.timeout_seconds ?? ''}</td><td>${event.port_id ?? ''}</td>
<td>${tupleText(event.original)}</td><td>${tupleText(event.reply)}</td></tr>`,
  );
  return html`<div class="wide"><table><caption>Evidence</caption>
<thead><tr><th>Time</th><th>Event</th><th>State</th><th>Status</th><th>Timeout</th><th>Port id</th><th>Original</th><th>Reply</th></tr></thead>
<tbody>!${rows}</tbody></table></div>`;
}

function tupleText({ src, sport, dst, dport }: Tuple): string {
  return `${endpointText(src, sport)} → ${endpointText(dst, dport)}`;
}
