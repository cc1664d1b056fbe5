import type { FlowStore } from '../../audit/flow-store.ts';
import type { FlowNames } from '../../audit/summary.ts';
import { nameClient, nameService } from '../../enrich/name.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { KnownFlow, KnownFlows } from '../../model/known-flow.ts';
import type { Topology } from '../../model/topology.ts';

/** What an audit asks of the topology. */
export function flowNames(topology: Topology, nodeName: string): FlowNames {
  return {
    service: (ip, port) => {
      const name = nameService(topology, { dst: ip, dport: port });
      const { namespace, servicePort } = name;
      const owner = { namespace, name: name.name, port: servicePort };
      if (!name.known) return { name, choice: undefined, isEndpoint: undefined };
      return {
        name,
        choice: topology.backendChoice(owner, ip.includes(':')),
        isEndpoint: (backendIp, backendPort) => topology.isEndpoint(owner, backendIp, backendPort),
      };
    },
    client: (ip) => nameClient(topology, { src: ip, sport: 0 }, nodeName),
  };
}

/** What the detector asks of the snapshots. */
export function knownFlows(store: FlowStore, clock: Clock): KnownFlows {
  const read = (slot: number | undefined): KnownFlow | undefined =>
    slot === undefined ? undefined : store.read(slot, clock.wallMs() - clock.monotonicMs());
  return {
    findByOriginal: (zone, tuple) => read(store.findByOriginal(zone, tuple)),
    findByReply: (zone, tuple) => read(store.findByReply(zone, tuple)),
    remove: (zone, original) => store.remove(zone, original),
  };
}
