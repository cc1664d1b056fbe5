import type { EndpointState, PodName, ServicePort } from '../model/topology.ts';

/** What a Service says about one address and port. `created` compares as text, later is greater. */
export interface ServiceClaim {
  readonly answer: ServicePort;
  readonly created: string;
}

/** What a Pod says about one address. */
export interface PodClaim {
  readonly answer: PodName;
  readonly created: string;
  readonly deleting: boolean;
}

/** The older Service: whoever takes an address that is in use does not rename what is there. */
export function chooseService(claims: readonly ServiceClaim[]): ServicePort {
  return claims.reduce((best, next) => (isOlder(next, best) ? next : best)).answer;
}

/** An address goes from pod to pod: the one not about to stop has it, then the newer one. */
export function choosePod(claims: readonly PodClaim[]): PodName {
  return claims.reduce((best, next) => {
    if (next.deleting !== best.deleting) return next.deleting ? best : next;
    return next.created < best.created ? best : next;
  }).answer;
}

/**
 * Several Services may select one pod. Slices lag behind one another, so a ready endpoint is believed over one
 * that is not: the address may have gone from a stopping pod to a new one. But the pod then is ready only if no
 * slice denies it: a Service with publishNotReadyAddresses calls all of its pods ready.
 */
export function chooseEndpoint(claims: readonly EndpointState[]): EndpointState {
  const best = claims.reduce((best, next) => (rank(next) < rank(best) ? best : next));
  const isSame = ({ namespace, pod }: EndpointState) => namespace === best.namespace && pod === best.pod;
  return { ...best, ready: claims.filter(isSame).every(({ ready }) => ready) };
}

function rank(endpoint: EndpointState): number {
  return (endpoint.pod === undefined ? 0 : 2) + (endpoint.ready ? 1 : 0);
}

/** By age; by name where that says nothing, so that the order of arrival does not matter. */
function isOlder(a: ServiceClaim, b: ServiceClaim): boolean {
  if (a.created !== b.created) return a.created < b.created;
  if (a.answer.namespace !== b.answer.namespace) return a.answer.namespace < b.answer.namespace;
  return a.answer.name < b.answer.name;
}
