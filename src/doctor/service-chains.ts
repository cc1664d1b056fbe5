import type { RuleChain } from '../model/rule-chain.ts';

/** What one of kube-proxy's modes has set up. */
export interface ModeRules {
  /** Its chains are there, with or without Services. */
  readonly isSetUp: boolean;
  /** Service ports that have a chain; those of IPv4 and IPv6 are counted apart. */
  readonly services: number;
}

export interface ServiceRules {
  readonly iptables: ModeRules;
  readonly nftables: ModeRules;
}

/**
 * kube-proxy's chains: KUBE-SERVICES with a KUBE-SVC-* for each Service port (pkg/proxy/iptables; in IPVS mode there is
 * KUBE-SERVICES alone), or the table kube-proxy with a service-* for each (pkg/proxy/nftables).
 */
export function countServiceRules(chains: Iterable<RuleChain>): ServiceRules {
  let [iptables, iptablesServices, nftables, nftablesServices] = [false, 0, false, 0];
  for (const { table, name } of chains) {
    if (table === 'kube-proxy') {
      nftables = true;
      if (name.startsWith('service-')) nftablesServices += 1;
    } else if (table === 'nat') {
      if (name === 'KUBE-SERVICES') iptables = true;
      if (name.startsWith('KUBE-SVC-')) iptablesServices += 1;
    }
  }
  return {
    iptables: { isSetUp: iptables, services: iptablesServices },
    nftables: { isSetUp: nftables, services: nftablesServices },
  };
}
