/**
 * The rules kube-proxy writes in nftables mode, as input for `nft -f`. The same course as with iptables: the
 * map `service-ips` finds the Service, its chain draws a backend with numgen, the endpoint's chain translates.
 * A file is one transaction.
 */
import type { Endpoint } from '../model/finding.ts';
import { kubeHash, MASQUERADE_MARK, type ServiceRules, withPort } from './kube-proxy-names.ts';

/** The table without any Service. Applied once. */
export function nftablesBase(family: 4 | 6): string {
  return `table ${ip(family)} kube-proxy {
  comment "rules for kube-proxy"
  map service-ips {
    type ipv${family}_addr . inet_proto . inet_service : verdict
    comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain nat-output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    jump masquerading
  }
  chain services {
    ${ip(family)} daddr . meta l4proto . th dport vmap @service-ips
  }
  chain masquerading {
    meta mark & ${MASQUERADE_MARK} == 0 return
    meta mark set meta mark ^ ${MASQUERADE_MARK}
    masquerade fully-random
  }
  chain mark-for-masquerade {
    meta mark set meta mark | ${MASQUERADE_MARK}
  }
}
`;
}

/**
 * One transaction that replaces the Service's rules. `stale` are the backends whose chains an earlier call made
 * and this one no longer needs. No backends: the Service has no rule at all.
 */
export function nftablesService(rules: ServiceRules, stale: readonly Endpoint[]): string {
  const { service, backends } = rules;
  const table = `${ip(rules.family)} kube-proxy`;
  const svc = `${table} ${serviceChain(rules)}`;
  const verdicts = backends.map((backend, i) => `${i} : goto ${endpointChain(rules, backend)}`);
  return lines([
    // The map and the draw refer to the other chains: they go first, so that stale chains can be deleted.
    `flush map ${table} service-ips`,
    `add chain ${svc}`,
    `flush chain ${svc}`,
    ...stale.flatMap((backend) => {
      const endpoint = `${table} ${endpointChain(rules, backend)}`;
      return [`flush chain ${endpoint}`, `delete chain ${endpoint}`];
    }),
    ...backends.flatMap((backend) => {
      const endpoint = `${table} ${endpointChain(rules, backend)}`;
      return [
        `add chain ${endpoint}`,
        `flush chain ${endpoint}`,
        `add rule ${endpoint} ${ip(rules.family)} saddr ${backend.ip} jump mark-for-masquerade`, // Calling itself.
        `add rule ${endpoint} meta l4proto tcp dnat to ${withPort(backend)}`,
      ];
    }),
    ...masqueradeRule(rules, svc),
    ...(backends.length > 0
      ? [
          `add rule ${svc} numgen random mod ${backends.length} vmap { ${verdicts.join(', ')} }`,
          `add element ${table} service-ips { ${service.ip} . tcp . ${service.port} : goto ${serviceChain(rules)} }`,
        ]
      : []),
  ]);
}

function masqueradeRule(rules: ServiceRules, chain: string): string[] {
  const { service, family, masqueradeFrom, podCidr } = rules;
  if (masqueradeFrom === 'none') return [];
  const outsidePods = masqueradeFrom === 'outside-pods' ? `${ip(family)} saddr != ${podCidr} ` : '';
  const vip = `${ip(family)} daddr ${service.ip} tcp dport ${service.port}`;
  return [`add rule ${chain} ${vip} ${outsidePods}jump mark-for-masquerade`];
}

function serviceChain({ name }: ServiceRules): string {
  const path = `${name.namespace}/${name.service}/tcp/${name.port}`;
  return `service-${kubeHash(path, 8)}-${path}`;
}

function endpointChain({ name }: ServiceRules, { ip: address, port }: Endpoint): string {
  // A colon may not stand in the name of a chain.
  const path = `${name.namespace}/${name.service}/tcp/${name.port}__${address.replaceAll(':', '.')}/${port}`;
  return `endpoint-${kubeHash(path, 8)}-${path}`;
}

function ip(family: 4 | 6): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
