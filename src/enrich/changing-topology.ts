import type { Topology } from '../model/topology.ts';

/** A topology that is replaced as a whole: many hold this one, and get their answers from the one of now. */
export function changingTopology(now: () => Topology): Topology {
  return {
    serviceAt: (ip, port) => now().serviceAt(ip, port),
    serviceAtNodePort: (ip, port) => now().serviceAtNodePort(ip, port),
    podAt: (ip) => now().podAt(ip),
    nodeAt: (ip) => now().nodeAt(ip),
    endpointAt: (ip, port) => now().endpointAt(ip, port),
    isEndpoint: (service, ip, port) => now().isEndpoint(service, ip, port),
    backendChoice: (service, v6) => now().backendChoice(service, v6),
  };
}
