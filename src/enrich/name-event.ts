import { IPPROTO_TCP } from '../lib/ctnetlink.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import type { NamedEvent } from '../model/named-event.ts';
import type { Topology } from '../model/topology.ts';
import { nameBackend, nameClient, nameService } from './name.ts';

/** Adds names to an event. `nodeName` is the node we run on; it names clients that use a loopback address. */
export function nameEvent(topology: Topology, event: FlowEvent, nodeName?: string): NamedEvent {
  const { original, reply } = event;
  const isMasqueraded = reply.dst !== original.src || reply.dport !== original.sport;
  return {
    event,
    client: nameClient(topology, original, nodeName),
    service: event.protocol === IPPROTO_TCP ? nameService(topology, original) : undefined,
    backend: nameBackend(topology, { ip: reply.src, port: reply.sport }),
    masqueradedAs: isMasqueraded ? { ip: reply.dst, port: reply.dport } : undefined,
  };
}
