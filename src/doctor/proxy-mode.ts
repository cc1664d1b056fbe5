import { counted } from '../lib/counted.ts';
import type { CheckResult } from '../model/check.ts';
import type { DataPlane } from './data-planes.ts';
import { fail, ok, sysctlFix, warn } from './result.ts';
import type { ServiceRules } from './service-chains.ts';

export interface IpvsFacts {
  /** Virtual TCP servers. */
  readonly services: number;
  /** net.ipv4.vs.conntrack: whether its connections have conntrack entries that live on. */
  readonly conntrack: number | undefined;
  /** net.ipv4.vs.sloppy_tcp: whether it takes packets in the middle of a connection for a new one. */
  readonly sloppyTcp: number | undefined;
}

export interface ProxyFacts {
  /** Undefined if the rules cannot be read; then `problem` says why. */
  readonly rules: ServiceRules | undefined;
  readonly problem: string | undefined;
  /** Undefined where IPVS is not loaded. */
  readonly ipvs: IpvsFacts | undefined;
  readonly dataPlanes: readonly DataPlane[];
  /** Open connections with a translated destination; undefined if the table could not be read. */
  readonly translated: number | undefined;
}

const NAME = {
  id: 'proxy_mode',
  title: 'proxy mode',
  why: 'This tool sees connections whose Service address is translated by netfilter or IPVS, as they have conntrack entries. What an eBPF data plane translates has none.',
};
const UNPROTECTABLE =
  '--protect renew cannot protect connections through IPVS: it renews entries of conntrack, and IPVS goes by a timer of its own.';
const LOOK = ['nft list ruleset', 'iptables-save -t nat; iptables-legacy-save -t nat', 'cat /proc/net/ip_vs'];

/** Which proxy mode serves this node, and whether its connections can be seen. */
export function checkProxyMode(facts: ProxyFacts): CheckResult {
  const { rules, ipvs, dataPlanes, problem } = facts;
  if (ipvs && ipvs.services > 0) return ofIpvs(ipvs, facts);
  const ebpf = dataPlanes.find(({ kind }) => kind === 'ebpf');
  if (rules && rules.iptables.services + rules.nftables.services > 0) return ofRules(rules, facts, ebpf);
  if (ebpf) return ofEbpf(ebpf, facts);
  const ovs = dataPlanes.find(({ kind }) => kind === 'ovs');
  if (ovs) {
    return warn(
      NAME,
      `${ovs.name} is here (${ovs.sign}), and there are no Service rules of kube-proxy: Open vSwitch translates. Its entries are in conntrack, in zones; whether breaks of such connections are seen was not tested. ${openText(facts)}`,
      LOOK,
    );
  }
  if (!rules) return warn(NAME, `Which rules there are cannot be read: ${problem}. ${openText(facts)}`, LOOK);
  if (rules.iptables.isSetUp || rules.nftables.isSetUp) {
    const mode = rules.nftables.isSetUp ? 'nftables' : 'iptables';
    return warn(
      NAME,
      `Chains of kube-proxy (${mode}) are there, but none of a Service: it has just started, or cannot read Services. ${openText(facts)}`,
      ['kubectl -n kube-system logs -l k8s-app=kube-proxy'],
    );
  }
  if ((facts.translated ?? 0) > 0) {
    return warn(
      NAME,
      `There are no rules of kube-proxy, and IPVS has no Service; but ${openText(facts)} Something else translates them: a CNI, or the runtime's port mappings.`,
      LOOK,
    );
  }
  return warn(
    NAME,
    `There is no netfilter DNAT of kube-proxy, and no IPVS: nothing is translated here. Either this is not the node's network namespace (hostNetwork), or the node has no Services, or another data plane serves them, which this tool does not see.`,
    ['# in a pod', 'hostNetwork: true', '# look yourself', ...LOOK],
  );
}

function ofRules(
  { iptables, nftables }: ServiceRules,
  facts: ProxyFacts,
  ebpf: DataPlane | undefined,
): CheckResult {
  const of = (mode: string, services: number) => `${mode} (${counted(services, 'Service port')})`;
  if (iptables.services > 0 && nftables.services > 0) {
    return warn(
      NAME,
      `kube-proxy has rules of two modes: ${of('iptables', iptables.services)} and ${of('nftables', nftables.services)}; one of them is left over. ${openText(facts)}`,
      [
        '# on this node, with the image and the configuration of kube-proxy, then start it anew',
        'kube-proxy --cleanup',
      ],
    );
  }
  const mode = iptables.services > 0 ? of('iptables', iptables.services) : of('nftables', nftables.services);
  const seen = `kube-proxy, mode ${mode}. ${openText(facts)}`;
  if (!ebpf) return ok(NAME, seen);
  const beside = `${ebpf.name} is here too (${ebpf.sign}): what it translates itself has no conntrack entry, and this tool is blind to it.`;
  if ((facts.translated ?? 0) > 0) return ok(NAME, `${seen} ${beside}`);
  return warn(NAME, `${seen} ${beside}`, [
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg status | grep KubeProxyReplacement',
  ]);
}

function ofIpvs({ services, conntrack, sloppyTcp }: IpvsFacts, facts: ProxyFacts): CheckResult {
  const mode = `IPVS (${counted(services, 'Service port')})`;
  if (conntrack === 0) {
    return fail(
      NAME,
      `${mode}, and net.ipv4.vs.conntrack is 0: its connections have no lasting conntrack entries, and this tool is blind to them. ${UNPROTECTABLE}`,
      sysctlFix('net.ipv4.vs.conntrack', 1),
    );
  }
  const sloppy =
    sloppyTcp === 1
      ? ' net.ipv4.vs.sloppy_tcp is 1: it then picks a backend anew, in the middle of the connection.'
      : ' The next packet is then not translated, and the node itself resets the connection.';
  return warn(
    NAME,
    `${mode}. ${openText(facts)} IPVS forgets an idle connection by a timeout of its own, 900 s unless it was set, however long conntrack's is.${sloppy} Breaks are seen, with the cause "ipvs". ${UNPROTECTABLE}`,
    [
      'ipvsadm -l --timeout',
      '# in the configuration of kube-proxy: longer than the keepalive of any client',
      'ipvs: { tcpTimeout: 7500s }',
    ],
  );
}

function ofEbpf({ name, sign }: DataPlane, facts: ProxyFacts): CheckResult {
  const seen = `${name} is here (${sign})`;
  if (!facts.rules) {
    return warn(
      NAME,
      `${seen}; whether kube-proxy has rules beside it cannot be read: ${facts.problem}.`,
      LOOK,
    );
  }
  return fail(
    NAME,
    `${seen}, and there are no Service rules of kube-proxy: eBPF translates, without conntrack entries. This tool is blind on this node. ${openText(facts)}`,
    [
      '# the connection table of Cilium, which has timeouts of its own',
      'kubectl -n kube-system exec ds/cilium -- cilium-dbg bpf ct list global',
    ],
  );
}

function openText({ translated }: ProxyFacts): string {
  if (translated === undefined) return 'How many connections it translates cannot be read.';
  return translated === 1
    ? '1 open connection is translated.'
    : `${translated} open connections are translated.`;
}
