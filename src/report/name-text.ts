import { endpointText } from '../lib/endpoint-text.ts';
import type { NamedBackend, NamedClient, NamedService } from '../model/named-finding.ts';

/** `shop/redis:6379`, or the address the client connected to where no Service is known. */
export function serviceText({ known, namespace, name, ip, port, servicePort }: NamedService): string {
  return known ? `${namespace}/${name}:${servicePort}` : endpointText(ip, port);
}

/** `shop/checkout-x:41234`, or address and port where the pod is not known. */
export function podPortText({ namespace, pod, ip, port }: NamedClient | NamedBackend): string {
  if (pod === undefined) return endpointText(ip, port);
  return `${namespace === undefined ? '' : `${namespace}/`}${pod}:${port}`;
}
