import type { NamedClient, NamedService } from '../model/named-finding.ts';
import type { LabelsOf } from './metric-table.ts';

export type ServiceLabels = LabelsOf<'broken_connection_idle_seconds'>;
export type ClientLabels = Pick<LabelsOf<'broken_connections_total'>, 'client_namespace' | 'client_workload'>;

/**
 * How many different label values may come into being, each kind for the life of the process: a counter that
 * went away and came back would look like a restart. Anyone who can send a packet can invent addresses, and a
 * cluster that makes and deletes Services and workloads all day has no end of names either.
 */
const MAX_UNKNOWN_ADDRESSES = 256;
const MAX_SERVICES = 1000;
const MAX_CLIENTS = 2000;
/** The two multiplied could still fill the memory: a series takes 0.6 KB. */
const MAX_SERVICE_CLIENT_PAIRS = 3000;

const OTHER_SERVICE: ServiceLabels = { service_namespace: '', service_name: 'other', service_port: '0' };
const OTHER_CLIENT: ClientLabels = { client_namespace: '', client_workload: 'other' };

export interface LabelLimits {
  service(service: Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>): ServiceLabels;
  /** The client of a connection to `service`, which is what service() returned. */
  client(client: Pick<NamedClient, 'namespace' | 'workload'>, service: ServiceLabels): ClientLabels;
}

/** Turns names into label values; once a kind has its fill, new ones are counted under `other`. */
export function createLabelLimits(): LabelLimits {
  const addresses = createLimit(MAX_UNKNOWN_ADDRESSES);
  const services = createLimit(MAX_SERVICES);
  const clients = createLimit(MAX_CLIENTS);
  const pairs = createLimit(MAX_SERVICE_CLIENT_PAIRS);

  return {
    service({ namespace, name, servicePort, known }) {
      const limit = known ? services : addresses;
      if (!limit.admits(`${namespace}/${name}/${servicePort}`)) return OTHER_SERVICE;
      return { service_namespace: namespace, service_name: name, service_port: String(servicePort) };
    },
    client({ namespace = '', workload = '' }, { service_namespace, service_name, service_port }) {
      const client = `${namespace}/${workload}`;
      const unknown = namespace === '' && workload === '';
      if (!unknown && !clients.admits(client)) return OTHER_CLIENT;
      if (!pairs.admits(`${client}/${service_namespace}/${service_name}/${service_port}`))
        return OTHER_CLIENT;
      return { client_namespace: namespace, client_workload: workload };
    },
  };
}

/** Tells label sets of one kind apart. */
export function keyOf(labels: object): string {
  return Object.values(labels).join('/');
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
