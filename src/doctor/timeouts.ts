import { humanDuration } from '../lib/human-duration.ts';
import type { TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { CheckResult, CheckTable } from '../model/check.ts';
import { ok, sysctlFix, warn } from './result.ts';

export interface TimeoutFacts {
  /** Undefined if conntrack's sysctls are not there. */
  readonly timeouts: TcpTimeouts | undefined;
  /** net.ipv4.tcp_keepalive_time of the node, in seconds; undefined if it cannot be read. */
  readonly keepaliveSeconds: number | undefined;
  /** IPVS has Services here. Its timeouts are not to be read in /proc. */
  readonly ipvs: boolean;
}

/** One end of an idle connection. */
interface Limit {
  readonly what: string;
  readonly seconds: number;
  /** It holds on this node, for an established connection. */
  readonly isHere: boolean;
}

const ESTABLISHED = 'net.netfilter.nf_conntrack_tcp_timeout_established';
/** The kernel's default, of each network namespace: include/net/tcp.h. */
const DEFAULT_KEEPALIVE = 7200;
/** net/netfilter/ipvs/ip_vs_proto_tcp.c; kube-proxy leaves it unless --ipvs-tcp-timeout says otherwise. */
const IPVS_SECONDS = 900;
const LOAD_BALANCERS: readonly Limit[] = [
  { what: 'load balancer of Azure (if in the path)', seconds: 240, isHere: false },
  { what: 'network load balancer of AWS (if in the path)', seconds: 350, isHere: false },
  { what: 'load balancer of Google Cloud (if in the path)', seconds: 600, isHere: false },
];
const NAME = {
  id: 'timeouts',
  title: 'timeouts and keepalive',
  why: 'An idle connection breaks at the smallest timeout in its path, unless a keepalive probe comes before. Pods have a tcp_keepalive_time of their own, 7200 s unless their securityContext sets it; and it only counts for sockets with SO_KEEPALIVE.',
};

/** Every timeout against the keepalive time of the node, and against one that is short enough. */
export function checkTimeouts({ timeouts, keepaliveSeconds, ipvs }: TimeoutFacts): CheckResult {
  if (timeouts === undefined) {
    return warn(NAME, 'The timeouts of conntrack cannot be read (see conntrack events).', [
      'modprobe nf_conntrack',
    ]);
  }
  const limits: readonly Limit[] = [
    { what: 'conntrack (established)', seconds: timeouts.established, isHere: true },
    { what: 'conntrack (half-closed, close_wait)', seconds: timeouts.closeWait, isHere: false },
    ...(ipvs ? [{ what: 'IPVS (900 s unless set)', seconds: IPVS_SECONDS, isHere: true }] : []),
    ...LOAD_BALANCERS,
  ].toSorted((a, b) => a.seconds - b.seconds);
  const smallest = limits.find(({ isHere }) => isHere)!;
  const keepalive = keepaliveSeconds ?? DEFAULT_KEEPALIVE;
  const fitting = fittingIdle(smallest.seconds);
  const table = matrix(limits, timeouts.unacknowledged, keepalive, fitting);
  const isLate = keepalive >= smallest.seconds;
  const seen = [
    `On this node an idle connection breaks first after ${long(smallest.seconds)}, by ${smallest.what}.`,
    `Keepalive of the node: ${long(keepalive)}${keepaliveSeconds === undefined ? ', assumed as it cannot be read' : ''}, which is ${isLate ? 'too late' : 'in time'}.`,
    `A TCP_KEEPIDLE of ${long(fitting)} fits here and with the usual load balancers.`,
    ...notes(timeouts, ipvs),
  ].join(' ');
  if (!isLate) return ok(NAME, seen, table);
  return warn(NAME, seen, fixes(fitting, smallest, keepalive), table);
}

/** Half of the smallest, load balancers included, so that one lost probe is not the end. */
function fittingIdle(smallestHere: number): number {
  const smallest = Math.min(smallestHere, ...LOAD_BALANCERS.map(({ seconds }) => seconds));
  return Math.max(1, Math.floor(smallest / 2));
}

function matrix(
  limits: readonly Limit[],
  unacknowledged: number,
  keepalive: number,
  fitting: number,
): CheckTable {
  const inTime = (idle: number, limit: number) => (idle < limit ? 'in time' : 'too late');
  return {
    headings: ['TIMEOUT', 'AFTER', `KEEPALIVE ${keepalive} s`, `KEEPALIVE ${fitting} s`],
    rows: [
      ...limits.map(({ what, seconds }) => [
        what,
        long(seconds),
        inTime(keepalive, seconds),
        inTime(fitting, seconds),
      ]),
      // Not idle: its peer does not answer, and would not answer probes either.
      ['conntrack (data not acknowledged)', long(unacknowledged), 'no help', 'no help'],
    ],
  };
}

function notes({ established, closeWait, unacknowledged }: TcpTimeouts, ipvs: boolean): string[] {
  return [
    ...(closeWait < 3600
      ? [
          `A half-closed connection has ${long(closeWait)} only; kube-proxy sets close_wait to 1 h for that reason.`,
        ]
      : []),
    ...(established <= unacknowledged
      ? [
          `The timeout of established connections is not above that of unacknowledged data (${long(unacknowledged)}): idle time cannot be told from the remaining time.`,
        ]
      : []),
    ...(ipvs ? ['The timeout of IPVS is not to be read in /proc: "ipvsadm -l --timeout" tells it.'] : []),
  ];
}

function fixes(fitting: number, { what, seconds }: Limit, keepalive: number): string[] {
  const isIpvs = what.startsWith('IPVS');
  return [
    `# in the program: SO_KEEPALIVE, and TCP_KEEPIDLE of ${fitting} s`,
    "# or for the sockets of a pod that have SO_KEEPALIVE, in its spec (the node's value does not reach pods)",
    `securityContext: { sysctls: [{ name: net.ipv4.tcp_keepalive_time, value: "${fitting}" }] }`,
    ...(isIpvs
      ? [
          '# or in the configuration of kube-proxy',
          `ipvs: { tcpTimeout: ${Math.max(keepalive, seconds) * 2}s }`,
        ]
      : [
          '# or a longer timeout (kube-proxy sets it when it starts: conntrack.tcpEstablishedTimeout)',
          ...sysctlFix(ESTABLISHED, Math.max(86_400, keepalive * 2)),
        ]),
  ];
}

/** `2 h`, with the seconds that a sysctl would have where they differ: `5 d (432000 s)`. */
function long(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${humanDuration(seconds)} (${seconds} s)`;
}
