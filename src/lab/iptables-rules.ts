/**
 * The rules kube-proxy writes in iptables mode, as input for `iptables-restore -n` and `ip6tables-restore -n`.
 * Per connection they do: KUBE-SERVICES finds the Service, KUBE-SVC-* draws a backend, KUBE-SEP-* translates;
 * what was marked on the way gets the node's address and a random port in KUBE-POSTROUTING.
 */
import type { Endpoint } from '../model/finding.ts';
import { kubeHash, MASQUERADE_MARK, type ServiceRules, withPort } from './kube-proxy-names.ts';

const MARK = `${MASQUERADE_MARK}/${MASQUERADE_MARK}`;

/** The chains that are there without any Service. Applied once. */
export function iptablesBase(): string {
  return lines([
    '*nat',
    ':KUBE-SERVICES - [0:0]',
    ':KUBE-POSTROUTING - [0:0]',
    ':KUBE-MARK-MASQ - [0:0]',
    `-A PREROUTING ${comment('kubernetes service portals')} -j KUBE-SERVICES`,
    `-A OUTPUT ${comment('kubernetes service portals')} -j KUBE-SERVICES`,
    `-A POSTROUTING ${comment('kubernetes postrouting rules')} -j KUBE-POSTROUTING`,
    `-A KUBE-MARK-MASQ -j MARK --set-xmark ${MARK}`,
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --set-xmark ${MASQUERADE_MARK}/0x0`,
    `-A KUBE-POSTROUTING ${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
    'COMMIT',
    '*filter',
    ':KUBE-FORWARD - [0:0]',
    `-A FORWARD ${comment('kubernetes forwarding rules')} -j KUBE-FORWARD`,
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    `-A KUBE-FORWARD ${comment('kubernetes forwarding rules')} -m mark --mark ${MARK} -j ACCEPT`,
    `-A KUBE-FORWARD ${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    'COMMIT',
  ]);
}

/**
 * One transaction that replaces the Service's rules. Naming a chain empties it; `stale` are the backends whose
 * chains an earlier call made and this one no longer needs. No backends: the Service has no rule at all.
 */
export function iptablesService(rules: ServiceRules, stale: readonly Endpoint[]): string {
  const { service, backends } = rules;
  const svc = `KUBE-SVC-${kubeHash(`${portName(rules)}tcp`, 16)}`;
  const vip = `-d ${host(service.ip)} -p tcp ${comment(`${portName(rules)} cluster IP`)} -m tcp --dport ${service.port}`;
  const outsidePods = rules.masqueradeFrom === 'outside-pods' ? `! -s ${rules.podCidr} ` : '';
  return lines([
    '*nat',
    ':KUBE-SERVICES - [0:0]',
    `:${svc} - [0:0]`,
    ...[...backends, ...stale].map((backend) => `:${sep(rules, backend)} - [0:0]`),
    ...(backends.length > 0 ? [`-A KUBE-SERVICES ${vip} -j ${svc}`] : []),
    ...(rules.masqueradeFrom !== 'none' ? [`-A ${svc} ${outsidePods}${vip} -j KUBE-MARK-MASQ`] : []),
    ...backends.map((backend, i) => {
      const draw = i < backends.length - 1 ? ` ${probability(backends.length - i)}` : '';
      const to = comment(`${portName(rules)} -> ${withPort(backend)}`);
      return `-A ${svc} ${to}${draw} -j ${sep(rules, backend)}`;
    }),
    ...backends.flatMap((backend) => {
      const rule = `-A ${sep(rules, backend)}`;
      return [
        `${rule} -s ${host(backend.ip)} ${comment(portName(rules))} -j KUBE-MARK-MASQ`, // A pod calling itself.
        `${rule} -p tcp ${comment(portName(rules))} -m tcp -j DNAT --to-destination ${withPort(backend)}`,
      ];
    }),
    ...stale.map((backend) => `-X ${sep(rules, backend)}`),
    'COMMIT',
  ]);
}

function portName({ name }: ServiceRules): string {
  return `${name.namespace}/${name.service}:${name.port}`;
}

function sep(rules: ServiceRules, backend: Endpoint): string {
  return `KUBE-SEP-${kubeHash(`${portName(rules)}tcp${withPort(backend)}`, 16)}`;
}

/** The chance of the first of `left` backends; the last one needs none. */
function probability(left: number): string {
  return `-m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
}

function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

function host(ip: string): string {
  return ip.includes(':') ? `${ip}/128` : `${ip}/32`;
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
