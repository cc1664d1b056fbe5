/**
 * One row per command: what the help says of it, and the argument it takes besides options, if any. Its options are the
 * rows of OPTIONS that name it.
 */
export const COMMANDS = {
  agent: {
    summary:
      'watches the connections of this node and reports those that break; the process of the DaemonSet',
    examples: [
      { line: 'agent', what: 'in a pod: names from the API server; elsewhere: addresses instead of names' },
      {
        line: 'agent --topology file:cluster.yaml --listen 127.0.0.1:0',
        what: 'names from a file, metrics on any free port of this machine only',
      },
    ],
  },
  demo: {
    summary:
      'builds a small "cluster" in network namespaces, breaks a connection as in the field, shows what is found, and cleans up',
    examples: [
      { line: 'demo', what: 'DNAT as kube-proxy writes it with iptables' },
      { line: 'demo --rules nftables --family 6', what: 'the same with nftables and IPv6' },
      { line: 'demo --protect', what: 'the connection lives: its entry is renewed while it is idle' },
    ],
  },
  lab: {
    summary:
      'builds the cluster of the demo with an application whose connections break, and opens a shell on its node to look around in; cleans up when that ends',
    examples: [
      { line: 'lab', what: 'what docs/tutorial.md is about' },
      { line: 'lab --rules nftables --family 6', what: 'the same with nftables and IPv6' },
    ],
  },
  replay: {
    summary: 'finds the connections that broke in a recording of conntrack -E, as the agent would have',
    argument: { name: 'FILE|-', help: 'the recording, a file; - reads it from standard input' },
    examples: [
      {
        line: 'replay events.txt',
        what: 'a recording made with "conntrack -E -o timestamp,id > events.txt"',
      },
      {
        line: 'replay --topology file:cluster.yaml --json events.txt',
        what: 'with the names of Services and pods from a file; one JSON object a line and broken connection',
      },
      { line: 'replay -', what: 'a compressed one: "zcat events.txt.gz | conntrack-watchdog replay -"' },
    ],
  },
  tail: {
    summary:
      'shows conntrack events live, with names, and what the agent would find in them; ends with Ctrl-C',
    examples: [
      { line: 'tail', what: 'lost entries, what became of their connections, and the events that prove it' },
      {
        line: 'tail --all --topology file:cluster.yaml --service shop/redis',
        what: 'every event of the connections to one Service, with names from a file',
      },
      { line: 'tail --cause timeout --json', what: 'only what timeouts led to, an object a line' },
    ],
  },
  audit: {
    summary: 'lists the connections of this node that will break if they stay idle, soonest first',
    examples: [
      { line: 'audit', what: 'a table, with addresses instead of names' },
      { line: 'audit --topology file:cluster.yaml', what: 'with the names of Services and pods from a file' },
      { line: 'audit --json', what: 'all of them, for a program to read' },
    ],
  },
  doctor: {
    summary:
      'checks kernel, sysctls, capabilities, proxy mode and API access, and says what to change; changes nothing itself; exit status 3 when a check fails',
    examples: [
      {
        line: 'doctor',
        what: 'each check with what was seen, why it matters, and the command that fixes it',
      },
      {
        line: 'doctor --kubeconfig admin.conf --node-name node-1',
        what: 'the rights at the API server too, and whether it knows this node',
      },
      { line: 'doctor --json', what: 'one document, for a program to read' },
    ],
  },
  completion: {
    summary: 'prints what makes a shell complete commands, options and values',
    argument: { name: 'SHELL', help: 'bash or zsh', choices: ['bash', 'zsh'] },
    examples: [
      { line: 'completion bash', what: 'for ~/.bashrc: source <(conntrack-watchdog completion bash)' },
      {
        line: 'completion zsh',
        what: 'for ~/.zshrc, after compinit: source <(conntrack-watchdog completion zsh)',
      },
    ],
  },
} as const;

export type Command = keyof typeof COMMANDS;

/** The argument of a command besides its options: one, and it must be given. */
export interface Argument {
  readonly name: string;
  readonly help: string;
  /** All there are, if it is not a file. */
  readonly choices?: readonly string[];
}

export type CommandWithArgument = {
  [C in Command]: (typeof COMMANDS)[C] extends { readonly argument: Argument } ? C : never;
}[Command];

export function argumentOf(command: Command): Argument | undefined {
  const row = COMMANDS[command];
  return 'argument' in row ? row.argument : undefined;
}

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly Command[];
