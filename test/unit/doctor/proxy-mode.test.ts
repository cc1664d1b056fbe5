import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataPlanes } from '../../../src/doctor/data-planes.ts';
import { checkProxyMode, type ProxyFacts } from '../../../src/doctor/proxy-mode.ts';
import { countServiceRules } from '../../../src/doctor/service-chains.ts';

const NO_RULES = countServiceRules([]);
const IPTABLES = { isSetUp: true, services: 12 };
const NONE = { isSetUp: false, services: 0 };
const nothing: ProxyFacts = {
  rules: NO_RULES,
  problem: undefined,
  ipvs: undefined,
  dataPlanes: [],
  translated: 0,
};
const ipvs = { services: 5, conntrack: 1, sloppyTcp: 0 };
const cilium = dataPlanes(['lo', 'eth0', 'cilium_net', 'cilium_host'], []);
const antrea = dataPlanes(['antrea-gw0'], []);
const unreadable = { rules: undefined, problem: 'asking nftables: not permitted' };

const rows: readonly (readonly [string, Partial<ProxyFacts>, string, RegExp])[] = [
  ['nothing at all', {}, 'WARN', /no netfilter DNAT of kube-proxy, and no IPVS: nothing is translated/],
  [
    'iptables',
    { rules: { iptables: IPTABLES, nftables: NONE }, translated: 3 },
    'OK',
    /mode iptables \(12 Service ports\)\. 3 open connections/,
  ],
  [
    'nftables',
    { rules: { iptables: NONE, nftables: { isSetUp: true, services: 1 } }, translated: 1 },
    'OK',
    /mode nftables \(1 Service port\)\. 1 open connection is/,
  ],
  [
    'both modes',
    { rules: { iptables: IPTABLES, nftables: IPTABLES } },
    'WARN',
    /rules of two modes.*left over/,
  ],
  [
    'chains, no Service',
    { rules: { iptables: { isSetUp: true, services: 0 }, nftables: NONE } },
    'WARN',
    /\(iptables\) are there, but none of a Service/,
  ],
  [
    'table, no Service',
    { rules: { iptables: NONE, nftables: { isSetUp: true, services: 0 } } },
    'WARN',
    /\(nftables\) are there/,
  ],
  [
    'IPVS',
    { ipvs },
    'WARN',
    /^IPVS \(5 Service ports\).*900 s unless it was set.*the node itself resets.*--protect renew cannot protect/,
  ],
  [
    'IPVS with the chains it has in iptables',
    { ipvs, rules: { iptables: { isSetUp: true, services: 0 }, nftables: NONE } },
    'WARN',
    /^IPVS/,
  ],
  [
    'IPVS, sloppy',
    { ipvs: { ...ipvs, sloppyTcp: 1 } },
    'WARN',
    /sloppy_tcp is 1: it then picks a backend anew/,
  ],
  [
    'IPVS without conntrack',
    { ipvs: { ...ipvs, conntrack: 0 } },
    'FAIL',
    /net\.ipv4\.vs\.conntrack is 0.*blind.*--protect renew cannot protect/,
  ],
  ['IPVS loaded, unused', { ipvs: { ...ipvs, services: 0 } }, 'WARN', /nothing is translated here/],
  [
    'eBPF',
    { dataPlanes: cilium, translated: undefined },
    'FAIL',
    /^Cilium is here \(interface cilium_net\).*This tool is blind on this node/,
  ],
  [
    'eBPF, rules unreadable',
    { dataPlanes: cilium, ...unreadable },
    'WARN',
    /Cilium is here.*cannot be read: asking nftables/,
  ],
  [
    'eBPF beside iptables, which translates',
    { dataPlanes: cilium, rules: { iptables: IPTABLES, nftables: NONE }, translated: 4 },
    'OK',
    /mode iptables.*Cilium is here too.*blind to it/,
  ],
  [
    'eBPF beside iptables, which does not',
    { dataPlanes: cilium, rules: { iptables: IPTABLES, nftables: NONE } },
    'WARN',
    /mode iptables.*Cilium is here too.*blind to it/,
  ],
  ['Open vSwitch', { dataPlanes: antrea }, 'WARN', /^Antrea is here.*was not tested/],
  [
    'Open vSwitch beside iptables',
    { dataPlanes: antrea, rules: { iptables: IPTABLES, nftables: NONE } },
    'OK',
    /mode iptables/,
  ],
  [
    'unreadable',
    { ...unreadable, translated: undefined },
    'WARN',
    /cannot be read: asking nftables: not permitted\. How many/,
  ],
  ['something else', { translated: 2 }, 'WARN', /2 open connections are translated\. Something else/],
];

for (const [name, facts, status, seen] of rows) {
  test(`proxy mode: ${name}`, () => {
    const result = checkProxyMode({ ...nothing, ...facts });
    assert.equal(result.status, status);
    assert.match(result.seen, seen);
    assert.equal(result.fix !== undefined, status !== 'OK');
  });
}

test('only where IPVS serves is it said that nothing can be protected', () => {
  for (const [name, facts] of rows) {
    const isServing = (facts.ipvs?.services ?? 0) > 0;
    assert.equal(/--protect renew/.test(checkProxyMode({ ...nothing, ...facts }).seen), isServing, name);
  }
});

test('data planes by their signs', () => {
  const names = (interfaces: string[], bpf: string[] = []) =>
    dataPlanes(interfaces, bpf).map(({ name }) => name);
  assert.deepEqual(
    names(['lo', 'eth0', 'cni0', 'veth1', 'cali12ab', 'vxlan.calico', 'flannel.1', 'kube-ipvs0']),
    [],
  );
  assert.deepEqual(names([], ['cilium_calls_00042']), ['Cilium']);
  assert.deepEqual(names([], ['cilium']), ['Cilium']);
  assert.deepEqual(names([], ['ciliumish', 'tc', 'ip']), []);
  assert.deepEqual(names(['bpfin.cali', 'bpfout.cali']), ["Calico's eBPF data plane"]);
  assert.deepEqual(names(['ovn-k8s-mp0']), ['OVN-Kubernetes']);
});

test('chains of kube-proxy are counted, others are not', () => {
  const chains = [
    { table: 'nat', name: 'KUBE-SERVICES' },
    { table: 'nat', name: 'KUBE-SVC-A2GINCSAJTBNF4R3' },
    { table: 'nat', name: 'KUBE-SEP-C74SRLEUROVLLYXD' },
    { table: 'nat', name: 'KUBE-EXT-A2GINCSAJTBNF4R3' },
    { table: 'nat', name: 'KUBE-KUBELET-CANARY' },
    { table: 'filter', name: 'KUBE-SERVICES' },
    { table: 'other', name: 'KUBE-SVC-A2GINCSAJTBNF4R3' },
  ];
  assert.deepEqual(countServiceRules(chains), { iptables: { isSetUp: true, services: 1 }, nftables: NONE });
  // The kubelet's chains alone are on every node.
  assert.deepEqual(countServiceRules([{ table: 'nat', name: 'KUBE-KUBELET-CANARY' }]), NO_RULES);
  const nftables = ['services', 'nat-prerouting', 'service-4FXBR2F7-shop/redis/tcp/redis', 'endpoint-1-shop'];
  assert.deepEqual(countServiceRules(nftables.map((name) => ({ table: 'kube-proxy', name }))), {
    iptables: NONE,
    nftables: { isSetUp: true, services: 1 },
  });
});
