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

/** An EndpointSlice reduced to who answers at which address and TCP port, and for which Service. */
export interface EndpointSliceRecord extends ObjectRef {
  /** The name of its Service, which is in the same namespace; undefined if it is of none. */
  readonly service: string | undefined;
  /** Of each of its endpoints. */
  readonly ports: readonly SlicePortRecord[];
  readonly endpoints: readonly EndpointRecord[];
}

interface SlicePortRecord {
  /** That of the Service's port; empty without a name. */
  readonly name: string;
  readonly port: number;
}

interface EndpointRecord {
  readonly ips: readonly string[];
  readonly state: EndpointState;
  /** It answers, also while it terminates; `state.ready` says whether it is to get new connections. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** discovery.k8s.io/v1 LabelServiceName. */
const SERVICE_LABEL = 'kubernetes.io/service-name';

/**
 * Reads a parsed discovery.k8s.io/v1 EndpointSlice. Slices of type FQDN hold host names: no endpoints for us.
 * A port entry without a number means "all ports" and is left out: on the host network it would give every port
 * of the node to one pod. Throws ObjectError. Source: Kubernetes API, EndpointSlice, Endpoint, EndpointPort.
 */
export function readEndpointSlice(object: unknown): EndpointSliceRecord {
  const root: Field = { path: '', value: object };
  const ref = readMetadata(root);
  const { namespace, name } = ref;
  const labels = child(child(root, 'metadata'), 'labels');
  const service = readText(child(labels, SERVICE_LABEL)) || undefined;
  if (readText(child(root, 'addressType')) === 'FQDN') {
    return { namespace, name, service, ports: [], endpoints: [] };
  }
  const ports = elements(child(root, 'ports'))
    .filter((entry) => isTcp(entry) && !isAbsent(child(entry, 'port').value))
    .map((entry) => ({ name: readText(child(entry, 'name')) ?? '', port: readPort(child(entry, 'port')) }));
  const endpoints = elements(child(root, 'endpoints')).map((entry) => readEndpoint(entry, namespace));
  return { namespace, name, service, ports, endpoints };
}

/**
 * What its conditions do not say: ready is true, terminating false; serving is what ready is (EndpointConditions as
 * older API versions define it; newer ones, and kube-proxy, take true). The EndpointSlice controller says all three.
 */
function readEndpoint(endpoint: Field, sliceNamespace: string): EndpointRecord {
  const conditions = child(endpoint, 'conditions');
  const ready = readCondition(child(conditions, 'ready'), true);
  return {
    ips: readIps(elements(child(endpoint, 'addresses'))),
    state: readState(endpoint, sliceNamespace, ready),
    serving: readCondition(child(conditions, 'serving'), ready),
    terminating: readCondition(child(conditions, 'terminating'), false),
  };
}

function readState(endpoint: Field, sliceNamespace: string, ready: boolean): EndpointState {
  const target = child(endpoint, 'targetRef');
  const isPod = readText(child(target, 'kind')) === 'Pod';
  return {
    namespace: isPod ? readText(child(target, 'namespace')) || sliceNamespace : undefined,
    pod: isPod ? readName(child(target, 'name')) : undefined,
    node: readText(child(endpoint, 'nodeName')) || undefined,
    ready,
  };
}

function readCondition(condition: Field, unsaid: boolean): boolean {
  return isAbsent(condition.value) ? unsaid : readFlag(condition);
}
