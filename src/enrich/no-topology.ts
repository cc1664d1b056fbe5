import type { Topology } from '../model/topology.ts';

/** `--topology none`: nothing is known, findings carry addresses. */
export const NO_TOPOLOGY: Topology = {
  serviceAt: () => undefined,
  serviceAtNodePort: () => undefined,
  podAt: () => undefined,
  nodeAt: () => undefined,
  endpointAt: () => undefined,
  isEndpoint: () => false,
  backendChoice: () => undefined,
};
