import { CAUSES } from '../model/finding.ts';
import type { Command } from './commands.ts';
import {
  absolutePath,
  byteSize,
  clientSelector,
  countOrAll,
  duration,
  filePath,
  listenAddress,
  namespaceName,
  nodeName,
  oneOf,
  oneOfNumbers,
  onOff,
  orOff,
  orUnsaid,
  serviceName,
  topologyFile,
  topologySource,
  type ValueType,
} from './value-types.ts';

/** What the process was started in; main passes it, config reads nothing by itself. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostName: string;
}

/** A value that was not given as an option, and what to call its origin in an error. */
export interface Implied {
  readonly origin: string;
  readonly text: string;
}

/** One option. `T` is what its text becomes, `C` the commands that have it. */
export interface Option<T, C extends Command> {
  readonly flag: `--${string}`;
  /**
   * The value's placeholder in the help; a switch has none, and the text it stands for instead. It may have a word that
   * can be given with it, and means nothing more.
   */
  readonly value: string | { readonly standsFor: string; readonly word?: string };
  readonly type: ValueType<T>;
  /** Read by `type` like a given value, unless `implied` says otherwise; then it is for the help only. */
  readonly defaultText: string;
  readonly implied?: (environment: Environment, isGiven: (flag: string) => boolean) => Implied;
  readonly help: string;
  readonly commands: readonly C[];
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const PROTECT_MODES = ['off', 'renew'] as const;
const AUDIT_PROTECT_MODES = ['auto', 'off', 'renew'] as const;

// The kernel doubles the number and keeps it in an int (net/core/sock.c, __sock_set_rcvbuf), so it silently
// cuts anything from 1Gi on. 1023Mi is the last round number that is what it says.
const MAX_RECEIVE_BUFFER = 1023 * 2 ** 20;

const KUBECONFIG_FLAG = '--kubeconfig';

/** Every option of every command: the parser, the help and the documentation read this table. */
export const OPTIONS = {
  nodeName: option({
    flag: '--node-name',
    value: 'NAME',
    type: nodeName,
    defaultText: '$NODE_NAME, else the host name',
    implied: impliedNodeName,
    help: 'the name of this node in Kubernetes',
    commands: ['agent', 'audit', 'tail', 'doctor'],
  }),
  topology: option({
    flag: '--topology',
    value: 'SOURCE',
    type: topologySource,
    defaultText: 'kubernetes in a cluster or with --kubeconfig, else none',
    implied: impliedTopology,
    help: 'where the names of Services, pods and nodes come from: kubernetes (its API server), none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" (or json) prints',
    commands: ['agent', 'audit', 'tail', 'doctor'],
  }),
  recordedTopology: option({
    flag: '--topology',
    value: 'SOURCE',
    type: topologyFile,
    defaultText: 'none',
    help: 'where the names of Services, pods and nodes come from: none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" (or json) printed when the recording was made',
    commands: ['replay'],
  }),
  kubeconfig: option({
    flag: KUBECONFIG_FLAG,
    value: 'PATH',
    type: filePath,
    defaultText: 'the service account of the pod',
    implied: () => ({ origin: KUBECONFIG_FLAG, text: '' }),
    help: 'how to reach the API server, and as whom; only with --topology kubernetes',
    commands: ['agent', 'audit', 'tail', 'doctor'],
  }),
  listen: option({
    flag: '--listen',
    value: 'ADDRESS:PORT',
    type: listenAddress,
    defaultText: '0.0.0.0:9469',
    help: 'where /metrics, /healthz and /readyz are served; port 0 takes any free one, and the log says which',
    commands: ['agent'],
  }),
  statusListen: option({
    flag: '--status-listen',
    value: 'ADDRESS:PORT',
    type: orOff(listenAddress),
    defaultText: '127.0.0.1:9470',
    help: 'where the status page and its JSON are served: broken connections with their evidence, connections at risk; or off. They name pods and addresses, and ask for no password',
    commands: ['agent'],
  }),
  agentStatus: option({
    flag: '--status-listen',
    value: 'ADDRESS:PORT',
    type: orOff(listenAddress),
    defaultText: '127.0.0.1:9470',
    help: 'where the agent of this node serves its status page, to ask it for --protect auto; or off',
    commands: ['audit'],
  }),
  confirmWindowMs: option({
    flag: '--confirm-window',
    value: 'DURATION',
    type: duration(10, 600_000, ['500ms', '2s', '1m']),
    defaultText: '2s',
    help: 'a backend that was picked anew and has not answered by then counts as stalled; 10ms to 10m',
    commands: ['agent', 'replay', 'tail'],
  }),
  snapshotIntervalMs: option({
    flag: '--snapshot-interval',
    value: 'DURATION',
    type: orOff(duration(1000, 3_600_000, ['30s', '5m'])),
    defaultText: '60s',
    help: 'how often the conntrack table is read, to learn what events cannot tell and to find the connections at risk; 1s to 1h, or off: only at the start and after lost events',
    commands: ['agent', 'tail'],
  }),
  receiveBufferBytes: option({
    flag: '--receive-buffer',
    value: 'SIZE',
    type: byteSize(4096, MAX_RECEIVE_BUFFER),
    defaultText: '64Mi',
    help: 'the netlink receive buffer: how much of a burst of events the kernel keeps before it drops some; 4Ki to 1023Mi',
    commands: ['agent', 'tail', 'doctor'],
  }),
  procPath: option({
    flag: '--proc',
    value: 'PATH',
    type: absolutePath,
    defaultText: '/proc',
    help: "where the host's /proc is mounted",
    commands: ['agent', 'audit', 'tail', 'doctor'],
  }),
  logLevel: option({
    flag: '--log-level',
    value: 'LEVEL',
    type: oneOf(LOG_LEVELS),
    defaultText: 'info',
    help: `the least important lines to write: ${LOG_LEVELS.join(', ')}`,
    commands: ['agent'],
  }),
  emitEvents: option({
    flag: '--emit-events',
    value: { standsFor: 'on' },
    type: onOff,
    defaultText: 'off',
    help: 'post a Kubernetes Event on the pod of each broken connection; only with --topology kubernetes, and with the right to create and patch events.events.k8s.io',
    commands: ['agent'],
  }),
  protect: option({
    flag: '--protect',
    value: 'MODE',
    type: oneOf(PROTECT_MODES),
    defaultText: 'off',
    help: 'renew: give the conntrack entries of open connections through Services their whole timeout again before they expire, as long as the client has the connection open; needs names and the sockets of this node. off: nothing is ever written',
    commands: ['agent'],
  }),
  auditProtect: option({
    flag: '--protect',
    value: 'MODE',
    type: orUnsaid(oneOf(AUDIT_PROTECT_MODES)),
    defaultText: 'auto',
    implied: () => ({ origin: '--protect', text: '' }),
    help: 'connections whose entries the agent of this node renews are shown apart, as protected. auto: ask the agent whether it does; renew: as if it did; off: as if it did not',
    commands: ['audit'],
  }),
  protectMaxIdleMs: option({
    flag: '--protect-max-idle',
    value: 'DURATION',
    type: duration(1000, 365 * 86_400_000, ['12h', '7d']),
    defaultText: '7d',
    help: 'with --protect renew: a connection that was idle for longer is left to expire; 1s to 365d',
    commands: ['agent', 'audit'],
  }),
  demoProtect: option({
    flag: '--protect',
    // As the agent's is `--protect renew`, so may be this one.
    value: { standsFor: 'on', word: 'renew' },
    type: onOff,
    defaultText: 'off',
    help: 'the same story with an agent that renews the entries of open connections: this time the connection lives',
    commands: ['demo'],
  }),
  rules: option({
    flag: '--rules',
    value: 'KIND',
    type: oneOf(['iptables', 'nftables']),
    defaultText: 'iptables',
    help: 'what the Service of the small cluster is made of: iptables or nftables',
    commands: ['demo', 'lab'],
  }),
  family: option({
    flag: '--family',
    value: 'NUMBER',
    type: oneOfNumbers([4, 6]),
    defaultText: '4',
    help: 'IPv4 or IPv6: 4 or 6',
    commands: ['demo', 'lab'],
  }),
  all: option({
    flag: '--all',
    value: { standsFor: 'on' },
    type: onOff,
    defaultText: 'off: evidence of lost entries, and what follows from it',
    help: 'every event of every protocol, as conntrack -E shows them',
    commands: ['tail'],
  }),
  service: option({
    flag: '--service',
    value: 'NAMESPACE/NAME',
    type: serviceName,
    defaultText: 'any',
    implied: () => ({ origin: '--service', text: '' }),
    help: 'only connections to this Service',
    commands: ['tail'],
  }),
  namespace: option({
    flag: '--namespace',
    value: 'NAMESPACE',
    type: namespaceName,
    defaultText: 'any',
    implied: () => ({ origin: '--namespace', text: '' }),
    help: 'only connections whose Service or client is in this namespace',
    commands: ['tail'],
  }),
  client: option({
    flag: '--client',
    value: 'CLIENT',
    type: clientSelector,
    defaultText: 'any',
    implied: () => ({ origin: '--client', text: '' }),
    help: 'only connections of this client: a workload (shop/Deployment/checkout, Node/node-1), a pod or workload by its name (shop/checkout), or an IP address',
    commands: ['tail'],
  }),
  cause: option({
    flag: '--cause',
    value: 'CAUSE',
    type: orUnsaid(oneOf(CAUSES)),
    defaultText: 'any',
    implied: () => ({ origin: '--cause', text: '' }),
    help: `only findings with this cause of the loss, and no events: ${CAUSES.join(', ')}`,
    commands: ['tail'],
  }),
  json: option({
    flag: '--json',
    value: { standsFor: 'on' },
    type: onOff,
    defaultText: 'off',
    help: 'JSON for a program to read, instead of text for people',
    commands: ['replay', 'audit', 'tail', 'doctor'],
  }),
  limit: option({
    flag: '--limit',
    value: 'NUMBER',
    type: countOrAll,
    defaultText: '50 in the table, all with --json',
    implied: () => ({ origin: '--limit', text: '' }),
    help: 'how many connections to list at most, or all',
    commands: ['audit'],
  }),
  color: option({
    flag: '--no-color',
    value: { standsFor: 'off' },
    type: onOff,
    defaultText: 'coloured unless $NO_COLOR is set',
    // https://no-color.org: any value but the empty one counts, also "0".
    implied: ({ env }) => ({ origin: '$NO_COLOR', text: env['NO_COLOR'] ? 'off' : 'on' }),
    help: 'plain text',
    commands: ['demo', 'replay', 'audit', 'tail', 'doctor'],
  }),
};

/** Lets TypeScript find `T` and `C` of a row, so that the options of a command have a type of their own. */
function option<T, const C extends Command>(row: Option<T, C>): Option<T, C> {
  return row;
}

/** Kubernetes gives every container the variable. */
function impliedTopology({ env }: Environment, isGiven: (flag: string) => boolean): Implied {
  const isKubernetes = isGiven(KUBECONFIG_FLAG) || Boolean(env['KUBERNETES_SERVICE_HOST']);
  return { origin: '--topology', text: isKubernetes ? 'kubernetes' : 'none' };
}

function impliedNodeName({ env, hostName }: Environment): Implied {
  const given = env['NODE_NAME'];
  if (given) return { origin: '$NODE_NAME', text: given };
  // The kubelet registers a node under its host name in lower case.
  return { origin: 'the host name (give --node-name)', text: hostName.toLowerCase() };
}
