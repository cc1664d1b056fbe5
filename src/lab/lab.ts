import type { Endpoint } from '../model/finding.ts';
import { MOST, planAddresses } from './addresses.ts';
import { createNamespaces, exec, type Namespace } from './namespace.ts';
import { runCommand } from './run-command.ts';
import {
  acceptRules,
  baseRules,
  dropRules,
  type MasqueradeFrom,
  type RuleChange,
  type RuleKind,
  serviceRules,
} from './service-rules.ts';
import { type TcpTimeouts, timeoutSysctls } from './timeouts.ts';
import { wiringScript } from './wiring.ts';

export interface LabOptions {
  readonly family: 4 | 6;
  readonly rules: RuleKind;
  /** Server pods, 1 to 8; all of them are backends of the Service at first. */
  readonly backends: number;
  /** Default: `outside-pods`, kube-proxy's usual setting. */
  readonly masquerade?: MasqueradeFrom;
  /** Client pods. Default 1. */
  readonly clients?: number;
  /** Addresses of each client pod, for more ephemeral ports than one address has. Default 1. */
  readonly clientAddresses?: number;
  readonly timeouts?: TcpTimeouts;
}

/** A namespace with an address: a pod, the node, or the machine outside. */
export interface Host extends Namespace {
  readonly address: string;
  readonly addresses: readonly string[];
}

/** A server pod; `ip` and `port` are where the Service expects it to listen. */
export interface Server extends Host, Endpoint {}

/** A cluster of one node, in network namespaces. */
export interface Lab {
  readonly family: 4 | 6;
  readonly service: Endpoint;
  readonly podCidr: string;
  /** Where DNAT and conntrack happen and the agent runs. A client here is one on the host network. */
  readonly node: Host;
  readonly clients: readonly Host[];
  readonly servers: readonly Server[];
  /** Another machine on the node's network: a client from outside the pod addresses. */
  readonly outside: Host;
  /** Replaces the backends in one transaction; conntrack keeps what it has. With one, re-picks are certain. */
  setBackends(backends: readonly Endpoint[]): Promise<void>;
  /** No rule for the Service any more: what comes for its address is not translated and gets no answer. */
  removeService(): Promise<void>;
  /**
   * Drops what goes to this server, as a network policy does: at the server (ingress policy, dead pod) or at
   * the node (egress policy). The difference matters: a packet dropped at the node never confirms its new
   * conntrack entry, so there is no event; dropped at the server it makes a NEW that stays unanswered.
   */
  drop(server: Server, where: 'server' | 'node'): Promise<void>;
  /** Ends every `drop`. */
  stopDropping(): Promise<void>;
  /** `conntrack -F`: every entry of the node is lost. */
  flush(): Promise<void>;
  /** `conntrack -L` of the node, of this lab's address family. */
  conntrackList(): Promise<string>;
  /** Kills every process in the lab and deletes it. Repeatable. */
  close(): Promise<void>;
}

/** Builds the namespaces, the network and the Service's rules. Needs root; see `missingPrerequisites`. */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { family, rules, backends, masquerade = 'outside-pods', clients = 1, clientAddresses = 1 } = options;
  check('backends', backends, MOST.servers);
  check('clients', clients, MOST.clients);
  check('clientAddresses', clientAddresses, MOST.clientAddresses);
  const plan = planAddresses(family, clients, clientAddresses, backends);
  const clientRoles = plan.clients.map((_, i) => `client${i}`);
  const serverRoles = plan.servers.map((_, i) => `server${i}`);
  const namespaces = await createNamespaces(['node', 'outside', ...clientRoles, ...serverRoles]);
  const at = (role: string, addresses: readonly string[]): Host => ({
    ...namespaces.of[role]!,
    address: addresses[0]!,
    addresses,
  });
  const node = at('node', [plan.node]);
  const outside = at('outside', [plan.outside]);
  const clientHosts = plan.clients.map((addresses, i) => at(`client${i}`, addresses));
  const servers = plan.servers.map((server, i) => ({ ...at(`server${i}`, [server.ip]), ...server }));

  const apply = (where: Namespace, { command, args, input }: RuleChange) => exec(where, command, args, input);
  const name = { namespace: 'shop', service: 'redis', port: 'redis' };
  const common = { family, name, service: plan.service, masqueradeFrom: masquerade, podCidr: plan.podCidr };
  let current: readonly Endpoint[] = [];
  const setBackends = async (next: readonly Endpoint[]) => {
    await apply(node, serviceRules(rules, { ...common, backends: next }, current));
    current = next;
  };

  try {
    const names = {
      node: node.name,
      outside: outside.name,
      clients: clientHosts.map((host) => host.name),
      servers: servers.map((server) => server.name),
    };
    await runCommand('sh', [], wiringScript(plan, names, timeoutSysctls(options.timeouts ?? {})));
    await apply(node, baseRules(rules, family));
    await setBackends(plan.servers);
  } catch (error) {
    await namespaces.close();
    throw error;
  }
  return {
    family,
    service: plan.service,
    podCidr: plan.podCidr,
    node,
    outside,
    clients: clientHosts,
    servers,
    setBackends,
    removeService: () => setBackends([]),
    async drop(server, where) {
      if (where === 'node') await apply(node, dropRules(server, 'forward'));
      else await apply(server, dropRules(server, 'prerouting'));
    },
    async stopDropping() {
      await Promise.all([node, ...servers].map((host) => apply(host, acceptRules())));
    },
    async flush() {
      await exec(node, 'conntrack', ['-F']);
    },
    conntrackList: () => exec(node, 'conntrack', ['-L', '-f', family === 4 ? 'ipv4' : 'ipv6']),
    close: namespaces.close,
  };
}

function check(what: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(`lab: ${what} must be a whole number from 1 to ${most}, not ${value}`);
}
