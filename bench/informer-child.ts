/**
 * The same three resources by the client library's own informer, with the selectors that the agent has; bench/informer.ts
 * starts it with a kubeconfig.
 */
import { CoreV1Api, DiscoveryV1Api, KubeConfig, ListWatch, Watch } from '@kubernetes/client-node';
import { PROXIED } from '../src/enrich/resources.ts';
import { NODE } from './changing-cluster.ts';

export type InformerMessage = 'synced';

const config = new KubeConfig();
config.loadFromFile(process.argv[2]!);
const core = config.makeApiClient(CoreV1Api);
const discovery = config.makeApiClient(DiscoveryV1Api);
const labelSelector = PROXIED;
const fieldSelector = `spec.nodeName=${NODE}`;
// Not makeInformer, which is this without a field selector: it would watch the pods of all nodes.
const informers = [
  new ListWatch(
    '/api/v1/services',
    new Watch(config),
    () => core.listServiceForAllNamespaces({ labelSelector }),
    false,
    labelSelector,
  ),
  new ListWatch(
    '/apis/discovery.k8s.io/v1/endpointslices',
    new Watch(config),
    () => discovery.listEndpointSliceForAllNamespaces({ labelSelector }),
    false,
    labelSelector,
  ),
  new ListWatch(
    '/api/v1/pods',
    new Watch(config),
    () => core.listPodForAllNamespaces({ fieldSelector }),
    false,
    undefined,
    fieldSelector,
  ),
];
for (const informer of informers) {
  informer.on('error', (error: unknown) => {
    throw error;
  });
}
process.on('disconnect', () => process.exit(0));
await Promise.all(informers.map((informer) => informer.start()));
process.send?.('synced' satisfies InformerMessage);
