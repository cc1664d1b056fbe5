/**
 * DNAT for a Service as kube-proxy writes it, as text: pure. The nat rules and the hashes in chain names follow
 * captures of kube-proxy 1.32 (IPv4). Not in the captures, so not checked against kube-proxy: the filter
 * chain KUBE-FORWARD, and how IPv6 chains are named. Left out is what a ClusterIP with endpoints does not need: node
 * ports, session affinity, load balancer source ranges, and the checks for Services without endpoints.
 */
import type { Endpoint } from '../model/finding.ts';
import { iptablesBase, iptablesService } from './iptables-rules.ts';
import type { ServiceRules } from './kube-proxy-names.ts';
import { nftablesBase, nftablesService } from './nftables-rules.ts';

export type { MasqueradeFrom, ServiceRules } from './kube-proxy-names.ts';

/** Which of kube-proxy's modes. */
export type RuleKind = 'iptables' | 'nftables';

/** A program that reads `input` and changes the rules in one transaction, without touching conntrack. */
export interface RuleChange {
  readonly command: string;
  readonly args: readonly string[];
  readonly input: string;
}

/** The chains that are there without any Service. To be applied once, before the first Service. */
export function baseRules(kind: RuleKind, family: 4 | 6): RuleChange {
  return change(kind, family, kind === 'iptables' ? iptablesBase() : nftablesBase(family));
}

/**
 * Replaces the rules of a Service whatever they were. `before` are the backends of the rules it replaces;
 * without backends the Service has no rule at all afterwards.
 */
export function serviceRules(
  kind: RuleKind,
  rules: ServiceRules,
  before: readonly Endpoint[] = [],
): RuleChange {
  const stale = before.filter((old) => !rules.backends.some((b) => b.ip === old.ip && b.port === old.port));
  const generate = kind === 'iptables' ? iptablesService : nftablesService;
  return change(kind, rules.family, generate(rules, stale));
}

/** Drops every TCP packet to this destination in one hook of the namespace. Itself it needs no conntrack. */
export function dropRules(to: Endpoint, hook: 'prerouting' | 'forward'): RuleChange {
  const address = `${to.ip.includes(':') ? 'ip6' : 'ip'} daddr ${to.ip}`;
  const input = `add table inet lab-drop
add chain inet lab-drop drops { type filter hook ${hook} priority -250; }
add rule inet lab-drop drops ${address} tcp dport ${to.port} drop
`;
  return { command: 'nft', args: ['-f', '-'], input };
}

/** Takes back every `dropRules` of the namespace. */
export function acceptRules(): RuleChange {
  const input = 'add table inet lab-drop\ndelete table inet lab-drop\n';
  return { command: 'nft', args: ['-f', '-'], input };
}

function change(kind: RuleKind, family: 4 | 6, input: string): RuleChange {
  if (kind === 'nftables') return { command: 'nft', args: ['-f', '-'], input };
  // -n keeps the other rules; -w waits for the lock of the legacy variant.
  return { command: family === 4 ? 'iptables-restore' : 'ip6tables-restore', args: ['-n', '-w', '5'], input };
}
