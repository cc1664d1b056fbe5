import { protocolName } from '../lib/protocol-name.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import type { NamedEvent } from '../model/named-event.ts';
import type { NamedPickup } from '../model/named-finding.ts';
import { brokenLine } from './broken-line.ts';
import { brokenSentence } from './broken-sentence.ts';
import { decidedAtMs, isoTimes } from './finding-time.ts';
import { clientFields, serviceFields } from './named-fields.ts';
import { safeJson } from './safe-json.ts';
import type { TailLines } from './tail-lines.ts';

/**
 * One object a line; `event` says which kind. What is not known is left out.
 *
 *   new, update, destroy  time, protocol, state, timeout_seconds, seen_reply, assured, status, port_id, id, zone,
 *                         original and reply {src, sport, dst, dport}, client {ip, port, namespace, pod, workload},
 *                         service {namespace, name, ip, port}, backend {ip, port, namespace, pod, node, ready}
 *   entry_lost            time, node, cause, state, zone, client, service
 *   pickup                time, node, verdict, and the fields of connection_broken without outcome and msg
 *   connection_broken     as the agent logs it
 *   events_lost           lost
 *   events_skipped        skipped, findings
 */
export function tailJson(node: string): TailLines {
  const isoTime = isoTimes();
  return {
    event: (named) => line(eventFields(named, isoTime(named.event.atMs))),
    finding(found, settings) {
      const head = { time: isoTime(decidedAtMs(found)), node };
      if (found.kind === 'entry_lost') {
        const { cause, tcpState, connection } = found;
        return line({
          ...head,
          event: 'entry_lost',
          cause,
          state: tcpState,
          zone: connection.zone || undefined,
          client: clientFields(found.client),
          service: serviceFields(found.service),
        });
      }
      if (!found.broken) return line({ ...head, event: 'pickup', ...pickupFields(found) });
      const msg = brokenSentence(found, settings);
      return line({ ...head, event: 'connection_broken', ...brokenLine(found), msg });
    },
    lost: (lost) => line({ event: 'events_lost', lost }),
    skipped: (skipped, findings) => line({ event: 'events_skipped', skipped, findings }),
  };
}

function pickupFields(pickup: NamedPickup) {
  const { outcome: _, ...fields } = brokenLine(pickup);
  return { verdict: pickup.verdict, ...fields };
}

function eventFields({ event, client, service, backend }: NamedEvent, time: string) {
  const { status, portId, zone } = event;
  return {
    time,
    event: event.type,
    protocol: protocolName(event.protocol),
    state: event.tcpState,
    timeout_seconds: event.timeoutSeconds,
    seen_reply: event.seenReply,
    assured: event.assured,
    status: status === undefined ? undefined : `0x${status.toString(16)}`,
    port_id: portId || undefined,
    id: event.id,
    zone: zone || undefined,
    original: event.original,
    reply: event.reply,
    client: withoutUid(client),
    service: service?.known ? serviceFields(service) : undefined,
    backend,
  } satisfies Record<string, unknown> & { event: FlowEvent['type'] };
}

/** JSON.stringify leaves out what is undefined; copying field by field would cost more than all the rest. */
function withoutUid({ ip, port, namespace, pod, workload }: NamedEvent['client']) {
  return { ip, port, namespace, pod, workload };
}

function line(fields: object): string {
  return `${safeJson(fields)}\n`;
}
