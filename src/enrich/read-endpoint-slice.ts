import type { EndpointState } from '../model/topology.ts';
import {
  child,
  elements,
  type Field,
  isAbsent,
  readFlag,
  readIps,
  readName,
  readPort,
  readText,
} from './fields.ts';
import { type ObjectRef, readMetadata } from './metadata.ts';
import { isTcp } from './read-service.ts';

/** An EndpointSlice reduced to who answers at which address and TCP port. */
export interface EndpointSliceRecord extends ObjectRef {
  readonly endpoints: readonly EndpointRecord[];
}

interface EndpointRecord {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
  readonly state: EndpointState;
}

/**
 * Reads a parsed discovery.k8s.io/v1 EndpointSlice. Slices of type FQDN hold host names: no endpoints for us.
 * A port entry without a number means "all ports" and is left out: on the host network it would give every port
 * of the node to one pod. Throws ObjectError. Source: Kubernetes API, EndpointSlice, Endpoint, EndpointPort.
 */
export function readEndpointSlice(object: unknown): EndpointSliceRecord {
  const root: Field = { path: '', value: object };
  const ref = readMetadata(root);
  const { namespace } = ref;
  if (readText(child(root, 'addressType')) === 'FQDN') return { namespace, name: ref.name, endpoints: [] };
  const ports = elements(child(root, 'ports'))
    .filter(isTcp)
    .map((entry) => child(entry, 'port'))
    .filter(({ value }) => !isAbsent(value))
    .map(readPort);
  const endpoints = elements(child(root, 'endpoints')).map((endpoint) => ({
    ips: readIps(elements(child(endpoint, 'addresses'))),
    ports,
    state: readState(endpoint, namespace),
  }));
  return { namespace, name: ref.name, endpoints };
}

function readState(endpoint: Field, sliceNamespace: string): EndpointState {
  const target = child(endpoint, 'targetRef');
  const isPod = readText(child(target, 'kind')) === 'Pod';
  return {
    namespace: isPod ? readText(child(target, 'namespace')) || sliceNamespace : undefined,
    pod: isPod ? readName(child(target, 'name')) : undefined,
    node: readText(child(endpoint, 'nodeName')) || undefined,
    ready: readReady(child(child(endpoint, 'conditions'), 'ready')),
  };
}

/** "A nil value should be interpreted as true" (EndpointConditions.ready). */
function readReady(ready: Field): boolean {
  return isAbsent(ready.value) || readFlag(ready);
}
