import type { CountedReason } from '../model/at-risk.ts';
import type { Cause, Mapping, Verdict } from '../model/finding.ts';
import type { NamedClient, NamedService } from '../model/named-finding.ts';
import type { LabelsOf } from './metric-table.ts';

export type ServiceLabels = LabelsOf<'broken_connection_idle_seconds'>;
export type ClientLabels = Pick<LabelsOf<'broken_connections_total'>, 'client_namespace' | 'client_workload'>;

/*
 * How many different label values may come into being, each kind for the life of the process: a counter that
 * went away and came back would look like a restart. Anyone who can send a packet can invent addresses, and a
 * cluster that makes and deletes Services and workloads all day has no end of names either. Multiplied with closed
 * labels even these would fill the memory, at 0.6 KB a series: so the combinations have limits of their own.
 * docs/metrics.md says how many series that makes, and a test holds it.
 */
const MAX_UNKNOWN_ADDRESSES = 256;
const MAX_SERVICES = 1000;
const MAX_CLIENTS = 2000;
/** Of a Service and a client with a cause, four series each; and of both with a reason. */
const MAX_PAIRS = 3000;
/** Of a Service and a client whose connections are protected. */
const MAX_PROTECTED_PAIRS = 2000;
/** Of a Service with a cause, with a reason, or protected, when its client is `other`. */
const MAX_SERVICES_OF_OTHER_CLIENTS = 1000;
/** Of a Service with a verdict and a mapping. Three of these begin at 0 with every Service that loses an entry. */
const MAX_PICKUPS = 5000;
/** Services with a histogram, 20 series each. */
const MAX_HISTOGRAMS = 250;

/** No object has these names: what is known has a namespace, an unknown Service an address, a workload a slash. */
const OTHER_SERVICE: ServiceLabels = { service_namespace: '', service_name: 'other', service_port: '0' };
const OTHER_CLIENT: ClientLabels = { client_namespace: '', client_workload: 'other' };

/** Gives the labels under which something is counted or shown. `service` is what service() returned. */
export interface LabelLimits {
  service(service: Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>): ServiceLabels;
  pickup(service: ServiceLabels, verdict: Verdict, mapping: Mapping): ServiceLabels;
  idleTime(service: ServiceLabels): ServiceLabels;
  broken(service: ServiceLabels, client: Client, cause: Cause): ServiceLabels & ClientLabels;
  atRisk(service: ServiceLabels, client: Client, reason: CountedReason): ServiceLabels & ClientLabels;
  protected(service: ServiceLabels, client: Client): ServiceLabels & ClientLabels;
}

type Client = Pick<NamedClient, 'namespace' | 'workload'>;

/** Turns names into label values; once a kind has its fill, new ones are counted under `other`. */
export function createLabelLimits(): LabelLimits {
  const addresses = createLimit(MAX_UNKNOWN_ADDRESSES);
  const services = createLimit(MAX_SERVICES);
  const clients = createLimit(MAX_CLIENTS);
  const pickups = createLimit(MAX_PICKUPS);
  const histograms = createLimit(MAX_HISTOGRAMS);
  const brokenPair = createPairs(MAX_PAIRS);
  const atRiskPair = createPairs(MAX_PAIRS);
  const protectedPair = createPairs(MAX_PROTECTED_PAIRS);

  function clientLabels({ namespace = '', workload = '' }: Client): ClientLabels {
    const unknown = namespace === '' && workload === '';
    if (!unknown && !clients.admits(`${namespace}/${workload}`)) return OTHER_CLIENT;
    return { client_namespace: namespace, client_workload: workload };
  }

  return {
    service({ namespace, name, servicePort, known }) {
      const limit = known ? services : addresses;
      if (!limit.admits(`${namespace}/${name}/${servicePort}`)) return OTHER_SERVICE;
      return { service_namespace: namespace, service_name: name, service_port: String(servicePort) };
    },
    pickup(service, verdict, mapping) {
      if (isOtherService(service)) return service;
      return pickups.admits(`${keyOf(service)}/${verdict}/${mapping}`) ? service : OTHER_SERVICE;
    },
    idleTime(service) {
      if (isOtherService(service)) return service;
      return histograms.admits(keyOf(service)) ? service : OTHER_SERVICE;
    },
    broken: (service, client, cause) => brokenPair(service, clientLabels(client), cause),
    atRisk: (service, client, reason) => atRiskPair(service, clientLabels(client), reason),
    protected: (service, client) => protectedPair(service, clientLabels(client), ''),
  };
}

/** Tells label sets of one kind apart. */
export function keyOf(labels: object): string {
  return Object.values(labels).join('/');
}

export function isOtherService({ service_namespace, service_name }: ServiceLabels): boolean {
  return service_namespace === OTHER_SERVICE.service_namespace && service_name === OTHER_SERVICE.service_name;
}

export function isOtherClient({ client_namespace, client_workload }: ClientLabels): boolean {
  return (
    client_namespace === OTHER_CLIENT.client_namespace && client_workload === OTHER_CLIENT.client_workload
  );
}

/** Service and client, each pair with each `why` once: the client gives way first, and then the Service. */
function createPairs(capacity: number) {
  const pairs = createLimit(capacity);
  const services = createLimit(MAX_SERVICES_OF_OTHER_CLIENTS);
  return (service: ServiceLabels, client: ClientLabels, why: string): ServiceLabels & ClientLabels => {
    const serviceKey = `${keyOf(service)}/${why}`;
    if (!isOtherClient(client) && pairs.admits(`${serviceKey}/${keyOf(client)}`))
      return { ...service, ...client };
    const isAdmitted = isOtherService(service) || services.admits(serviceKey);
    return { ...(isAdmitted ? service : OTHER_SERVICE), ...OTHER_CLIENT };
  };
}

/** Admits the first `capacity` different keys, and those again. */
function createLimit(capacity: number) {
  const seen = new Set<string>();
  return {
    admits(key: string): boolean {
      if (seen.has(key)) return true;
      if (seen.size >= capacity) return false;
      seen.add(key);
      return true;
    },
  };
}
