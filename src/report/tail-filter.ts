import type { NamedEvent } from '../model/named-event.ts';
import type { NamedClient, NamedFinding, NamedService } from '../model/named-finding.ts';
import type { ClientSelector, TailFilter } from '../model/tail-filter.ts';

/** Whether an event is to be shown. A cause is asked of findings only, so with one no event is. */
export function showsEvent(filter: TailFilter, { client, service }: NamedEvent): boolean {
  return filter.cause === undefined && isAbout(filter, client, service);
}

export function showsFinding(filter: TailFilter, { client, service, cause }: NamedFinding): boolean {
  return (filter.cause === undefined || filter.cause === cause) && isAbout(filter, client, service);
}

function isAbout(filter: TailFilter, client: NamedClient, service: NamedService | undefined): boolean {
  const { service: wanted, namespace, client: selector } = filter;
  if (wanted && !(service?.known && service.namespace === wanted.namespace && service.name === wanted.name)) {
    return false;
  }
  const isThere = (service?.known && service.namespace === namespace) || client.namespace === namespace;
  if (namespace !== undefined && !isThere) return false;
  return selector === undefined || isClient(selector, client);
}

function isClient(selector: ClientSelector, { ip, namespace, pod, workload }: NamedClient): boolean {
  switch (selector.by) {
    case 'address':
      return selector.ip === ip;
    case 'workload':
      return selector.namespace === namespace && selector.workload === workload;
    case 'name':
      if (selector.namespace !== namespace) return false;
      return pod === selector.name || workload?.slice(workload.indexOf('/') + 1) === selector.name;
  }
}
