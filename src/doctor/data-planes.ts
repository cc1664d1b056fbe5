/** A data plane other than netfilter's rules, and how it shows. */
export interface DataPlane {
  readonly name: string;
  /** `ebpf`: what it translates never becomes a conntrack entry. `ovs`: it does, in zones of its own. */
  readonly kind: 'ebpf' | 'ovs';
  /** What was seen of it. */
  readonly sign: string;
}

interface Signs {
  readonly name: string;
  readonly kind: DataPlane['kind'];
  readonly interfaces: RegExp;
  /** Names in /sys/fs/bpf and /sys/fs/bpf/tc/globals. */
  readonly bpf?: RegExp;
}

const KNOWN: readonly Signs[] = [
  // cilium/cilium, pkg/defaults: HostDevice, SecondHostDevice, TunnelMap and the folder of its maps.
  { name: 'Cilium', kind: 'ebpf', interfaces: /^cilium_(host|net)$/, bpf: /^cilium(_.*)?$/ },
  // projectcalico/calico, felix/dataplane/linux/dataplanedefs: only where its eBPF data plane is on.
  { name: "Calico's eBPF data plane", kind: 'ebpf', interfaces: /^bpf(nat)?(in|out)\.cali$/ },
  // antrea-io/antrea, pkg/agent/config: the gateway of its bridge.
  { name: 'Antrea', kind: 'ovs', interfaces: /^antrea-gw\d+$/ },
  // ovn-org/ovn-kubernetes, go-controller/pkg/types: the management port.
  { name: 'OVN-Kubernetes', kind: 'ovs', interfaces: /^ovn-k8s-mp\d+$/ },
];

/** The data planes that left signs. */
export function dataPlanes(interfaces: readonly string[], bpfNames: readonly string[]): DataPlane[] {
  return KNOWN.flatMap(({ name, kind, interfaces: isOne, bpf }) => {
    const device = interfaces.find((each) => isOne.test(each));
    if (device !== undefined) return [{ name, kind, sign: `interface ${device}` }];
    const file = bpfNames.find((each) => bpf?.test(each));
    return file === undefined ? [] : [{ name, kind, sign: `${file} in /sys/fs/bpf` }];
  });
}
