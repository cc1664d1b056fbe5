import type { Lab } from '../../lab/lab.ts';

/** The lab as the API server would tell it, in the form of `kubectl get services,endpointslices,pods -o json`. */
export function demoTopology(lab: Lab): object {
  const addressType = lab.family === 4 ? 'IPv4' : 'IPv6';
  const pod = (name: string, hash: string, ip: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'shop',
      name,
      labels: { 'pod-template-hash': hash },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: name.replace(/-[^-]+$/, ''), controller: true },
      ],
    },
    spec: { nodeName: 'demo-node' },
    status: { phase: 'Running', hostIP: lab.node.address, podIPs: [{ ip }] },
  });
  const servers = lab.servers.map((server, i) => ({ ...server, pod: `redis-6b976b7d8b-${'abcdefgh'[i]}` }));
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'shop', name: 'redis' },
        spec: {
          type: 'ClusterIP',
          clusterIPs: [lab.service.ip],
          ports: [{ port: lab.service.port, protocol: 'TCP' }],
        },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          namespace: 'shop',
          name: 'redis-x2x4z',
          labels: { 'kubernetes.io/service-name': 'redis' },
        },
        addressType,
        ports: [{ port: servers[0]?.port, protocol: 'TCP' }],
        endpoints: servers.map((server) => ({
          addresses: [server.ip],
          conditions: { ready: true },
          nodeName: 'demo-node',
          targetRef: { kind: 'Pod', namespace: 'shop', name: server.pod },
        })),
      },
      pod('checkout-79d8f5c4b6-c', '79d8f5c4b6', lab.clients[0]!.address),
      ...servers.map((server) => pod(server.pod, '6b976b7d8b', server.ip)),
    ],
  };
}
