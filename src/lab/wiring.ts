/**
 * The network of a lab as one shell script: pure text, run by one `sh`, because starting programs is what takes
 * the time. Every pod hangs on a link of its own and is routed, as with Calico or kindnet:
 *
 *   client pod eth0 ── pod0 ┐                    ┌ srv0 ── eth0 server pod
 *   client pod eth0 ── pod1 ┤ node: DNAT, router ├ srv1 ── eth0 server pod
 *                           └ eth0 ── eth0 outside
 *
 * The node's address is on each of its ends: it is the pods' gateway and what MASQUERADE picks.
 * "Outside" is another machine on the node's network and the node's default route. What goes to a Service
 * address without a rule ends there, without an answer.
 */
import type { AddressPlan } from './addresses.ts';

/** Names of the namespaces. */
export interface LabNames {
  readonly node: string;
  readonly outside: string;
  readonly clients: readonly string[];
  readonly servers: readonly string[];
}

interface Settings {
  readonly ip: readonly string[];
  readonly sysctls: Readonly<Record<string, string | number>>;
}

/** Everything between the empty namespaces and a cluster in which each pod reaches each other pod. */
export function wiringScript(
  plan: AddressPlan,
  names: LabNames,
  nodeSysctls: Readonly<Record<string, string | number>>,
): string {
  const pods = [
    ...names.clients.map((name, i) => ({ name, link: `pod${i}`, addresses: plan.clients[i]! })),
    ...names.servers.map((name, i) => ({ name, link: `srv${i}`, addresses: [plan.servers[i]!.ip] })),
  ];
  const outside = { name: names.outside, link: 'eth0', addresses: [plan.outside] };
  return [
    'set -e',
    "ip -batch - <<'END'",
    ...[...pods, outside].map(
      // Both ends are born in their namespace, so that no name is ever taken on the machine itself.
      ({ name, link }) => `link add dev ${link} netns ${names.node} type veth peer name eth0 netns ${name}`,
    ),
    'END',
    inNamespace(names.node, nodeSettings(plan, pods, nodeSysctls)),
    inNamespace(names.outside, endSettings(plan.node, outside.addresses)),
    ...pods.map((pod) => inNamespace(pod.name, endSettings(plan.node, pod.addresses))),
    '',
  ].join('\n');
}

function nodeSettings(
  plan: AddressPlan,
  pods: readonly { link: string; addresses: readonly string[] }[],
  sysctls: Settings['sysctls'],
): Settings {
  return {
    ip: [
      ...[...pods.map(({ link }) => link), 'eth0'].flatMap((link) => [
        `addr add ${host(plan.node)} dev ${link}${nodad(plan.node)}`,
        `link set ${link} up`,
      ]),
      ...pods.flatMap(({ link, addresses }) =>
        addresses.map((address) => route(`${host(address)} dev ${link}`, plan.node)),
      ),
      route(`${host(plan.outside)} dev eth0`, plan.node),
      route(`default via ${plan.outside} dev eth0`, plan.node),
    ],
    sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, ...sysctls },
  };
}

/** A pod or the outside: one link, everything through the node, ready for thousands of connections. */
function endSettings(gateway: string, addresses: readonly string[]): Settings {
  return {
    ip: [
      ...addresses.map((address) => `addr add ${host(address)} dev eth0${nodad(address)}`),
      'link set eth0 up',
      route(`${host(gateway)} dev eth0`, addresses[0]!),
      route(`default via ${gateway} dev eth0`, addresses[0]!),
    ],
    sysctls: {
      'net.ipv4.ip_forward': 0,
      'net.ipv4.ip_local_port_range': '1024 65000',
      'net.ipv4.tcp_tw_reuse': 1, // A client that closes first would run out of ports for 60 s.
      'net.core.somaxconn': 8192,
      'net.ipv4.tcp_max_syn_backlog': 8192,
    },
  };
}

/**
 * quickack: no delayed acknowledgements. One that is still due after a flush would be the packet that
 * re-picks, up to 40 ms later and before anything is sent: true to life, but no test could tell what it sees.
 */
function route(destination: string, source: string): string {
  return `route add ${destination} src ${source} quickack 1`;
}

function inNamespace(name: string, { ip, sysctls }: Settings): string {
  return [
    `ip netns exec ${name} sh -e <<'END'`,
    // Asymmetric paths are the lab's business; waiting for duplicate addresses is nobody's. A machine without
    // IPv6 has no such file, and says so when the first IPv6 address is added.
    'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done',
    'for f in /proc/sys/net/ipv6/conf/*/accept_dad; do [ ! -e $f ] || echo 0 > $f; done',
    ...Object.entries(sysctls).map(([key, value]) => setSysctl(key, value)),
    "ip -batch - <<'BATCH'",
    'link set lo up',
    ...ip,
    'BATCH',
    'END',
  ].join('\n');
}

function setSysctl(key: string, value: string | number): string {
  const path = `/proc/sys/${key.replaceAll('.', '/')}`;
  const optional = key.startsWith('net.ipv6.') ? `[ ! -e ${path} ] || ` : '';
  return `${optional}echo ${value} > ${path}`;
}

function host(ip: string): string {
  return ip.includes(':') ? `${ip}/128` : `${ip}/32`;
}

function nodad(ip: string): string {
  return ip.includes(':') ? ' nodad' : '';
}
