import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND_NAMES } from '../../../src/config/commands.ts';
import { type OptionsOf, parseCommandLine, UsageError } from '../../../src/config/parse.ts';
import { either } from '../../../src/config/value-types.ts';

const environment = { env: {}, hostName: 'node-1' };
const parse = (line: string, env: Record<string, string> = {}, hostName = 'node-1') =>
  parseCommandLine(line === '' ? [] : line.split(' '), { env, hostName });

const AGENT_DEFAULTS: OptionsOf<'agent'> = {
  nodeName: 'node-1',
  topology: { kind: 'none' },
  kubeconfig: undefined,
  listen: { host: '0.0.0.0', port: 9469 },
  statusListen: { host: '127.0.0.1', port: 9470 },
  confirmWindowMs: 2000,
  snapshotIntervalMs: 60_000,
  receiveBufferBytes: 67_108_864,
  procPath: '/proc',
  logLevel: 'info',
  emitEvents: false,
  protect: 'off',
  protectMaxIdleMs: 604_800_000,
};

const AUDIT_DEFAULTS: OptionsOf<'audit'> = {
  nodeName: 'node-1',
  topology: { kind: 'none' },
  kubeconfig: undefined,
  agentStatus: { host: '127.0.0.1', port: 9470 },
  procPath: '/proc',
  auditProtect: undefined,
  protectMaxIdleMs: 604_800_000,
  json: false,
  limit: undefined,
  color: true,
};

const REPLAY_DEFAULTS: OptionsOf<'replay'> = {
  recordedTopology: { kind: 'none' },
  confirmWindowMs: 2000,
  json: false,
  color: true,
};

test('the argument of replay stands before, between or after the options', () => {
  const expected = {
    command: 'replay',
    options: { ...REPLAY_DEFAULTS, json: true, confirmWindowMs: 1000 },
    argument: 'a.txt',
  };
  for (const line of [
    'replay a.txt --json --confirm-window 1s',
    'replay --json a.txt --confirm-window=1s',
    'replay --confirm-window 1s --json a.txt',
  ]) {
    assert.deepEqual(parse(line), expected);
  }
  assert.deepEqual(parse('replay -'), { command: 'replay', options: REPLAY_DEFAULTS, argument: '-' });
});

test('a recording has names from a file or none, also in a cluster', () => {
  const cluster = { KUBERNETES_SERVICE_HOST: '10.96.0.1' };
  assert.deepEqual(parse('replay -', cluster), {
    command: 'replay',
    options: REPLAY_DEFAULTS,
    argument: '-',
  });
  assert.deepEqual(parse('replay --topology file:c.yaml -'), {
    command: 'replay',
    options: { ...REPLAY_DEFAULTS, recordedTopology: { kind: 'file', path: 'c.yaml' } },
    argument: '-',
  });
});

test('without options every one has its default', () => {
  assert.deepEqual(parse('agent'), { command: 'agent', options: AGENT_DEFAULTS });
  assert.deepEqual(parse('audit'), { command: 'audit', options: AUDIT_DEFAULTS });
  assert.deepEqual(parse('demo'), {
    command: 'demo',
    options: { rules: 'iptables', family: 4, demoProtect: false, color: true },
  });
});

test('values are given with a space or an equals sign', () => {
  const options = {
    nodeName: 'ip-10-0-0-1.eu-west-1.compute.internal',
    topology: { kind: 'file', path: './a=b.yaml' },
    kubeconfig: './k=1',
    listen: { host: '::1', port: 0 },
    confirmWindowMs: 500,
    statusListen: undefined,
    snapshotIntervalMs: 90_000,
    receiveBufferBytes: 4096,
    procPath: '/host/proc',
    logLevel: 'silent',
    emitEvents: false,
    protect: 'renew',
    protectMaxIdleMs: 43_200_000,
  };
  const given = [
    ['--node-name', options.nodeName],
    ['--topology', 'file:./a=b.yaml'],
    ['--kubeconfig', './k=1'],
    ['--listen', '[::1]:0'],
    ['--status-listen', 'off'],
    ['--confirm-window', '500ms'],
    ['--snapshot-interval', '90s'],
    ['--receive-buffer', '4096'],
    ['--proc', '/host/proc'],
    ['--log-level', 'silent'],
    ['--protect', 'renew'],
    ['--protect-max-idle', '12h'],
  ] as const;
  const expected = { command: 'agent', options };
  assert.deepEqual(parseCommandLine(['agent', ...given.flat()], environment), expected);
  const joined = given.map(([flag, value]) => `${flag}=${value}`);
  assert.deepEqual(parseCommandLine(['agent', ...joined.reverse()], environment), expected);
});

test('Events are posted only when asked for, with a switch that takes no value', () => {
  assert.deepEqual(parse('agent --emit-events'), {
    command: 'agent',
    options: { ...AGENT_DEFAULTS, emitEvents: true },
  });
  assert.throws(() => parse('agent --emit-events=on'), /^UsageError: agent: --emit-events takes no value$/);
  assert.throws(() => parse('audit --emit-events'), /^UsageError: audit: unknown option "--emit-events"/);
});

test('the limits themselves are allowed', () => {
  for (const [line, name, value] of [
    ['--confirm-window 10ms', 'confirmWindowMs', 10],
    ['--confirm-window 10m', 'confirmWindowMs', 600_000],
    ['--snapshot-interval 1s', 'snapshotIntervalMs', 1000],
    ['--snapshot-interval 1h', 'snapshotIntervalMs', 3_600_000],
    ['--snapshot-interval off', 'snapshotIntervalMs', undefined],
    ['--receive-buffer 4Ki', 'receiveBufferBytes', 4096],
    ['--receive-buffer 1023Mi', 'receiveBufferBytes', 1_072_693_248],
    ['--listen :65535', 'listen', { host: '', port: 65_535 }],
  ] as const) {
    assert.deepEqual(parse(`agent ${line}`), {
      command: 'agent',
      options: { ...AGENT_DEFAULTS, [name]: value },
    });
  }
});

test('the node is named by the option, then $NODE_NAME, then the host name in lower case', () => {
  const nodeName = (...args: Parameters<typeof parse>) => {
    const result = parse(...args);
    return 'command' in result && result.command === 'agent' ? result.options.nodeName : undefined;
  };
  assert.equal(nodeName('agent --node-name a', { NODE_NAME: 'b' }, 'c'), 'a');
  assert.equal(nodeName('agent', { NODE_NAME: 'b' }, 'c'), 'b');
  assert.equal(nodeName('agent', { NODE_NAME: '' }, 'Worker-C'), 'worker-c');
});

test('the demo is plain with --no-color or NO_COLOR', () => {
  const plain = {
    command: 'demo',
    options: { rules: 'nftables', family: 6, demoProtect: false, color: false },
  };
  assert.deepEqual(parse('demo --rules nftables --family=6 --no-color'), plain);
  assert.deepEqual(parse('demo --rules nftables --family=6', { NO_COLOR: '0' }), plain);
  assert.deepEqual(parse('demo', { NO_COLOR: '' }), {
    command: 'demo',
    options: { rules: 'iptables', family: 4, demoProtect: false, color: true },
  });
});

test('names come from Kubernetes in a cluster or with a kubeconfig, unless something else is said', () => {
  const inCluster = { KUBERNETES_SERVICE_HOST: '10.96.0.1' };
  const rows = [
    ['agent', {}, 'none', undefined],
    ['agent', inCluster, 'kubernetes', undefined],
    ['agent', { KUBERNETES_SERVICE_HOST: '' }, 'none', undefined],
    ['agent --kubeconfig /k', {}, 'kubernetes', '/k'],
    ['audit --kubeconfig=/k', {}, 'kubernetes', '/k'],
    ['agent --topology kubernetes', {}, 'kubernetes', undefined],
    ['agent --topology none --kubeconfig /k', inCluster, 'none', '/k'],
  ] as const;
  for (const [line, env, kind, kubeconfig] of rows) {
    const parsed = parse(line, env);
    assert.ok('command' in parsed && 'topology' in parsed.options);
    const { topology, kubeconfig: path } = parsed.options;
    assert.deepEqual([topology.kind, path], [kind, kubeconfig], line);
  }
});

test('the audit names, limits and formats what it lists', () => {
  const options = {
    ...AUDIT_DEFAULTS,
    nodeName: 'a',
    topology: { kind: 'file', path: 'cluster.yaml' },
    kubeconfig: undefined,
    procPath: '/host/proc',
    json: true,
    limit: 10,
    color: false,
  };
  const line =
    'audit --json --node-name a --topology file:cluster.yaml --proc /host/proc --limit=10 --no-color';
  assert.deepEqual(parse(line), { command: 'audit', options });
  for (const [text, limit] of [
    ['1', 1],
    ['999999999', 999_999_999],
    ['all', Number.POSITIVE_INFINITY],
  ] as const) {
    assert.deepEqual(parse(`audit --limit ${text}`), {
      command: 'audit',
      options: { ...AUDIT_DEFAULTS, limit },
    });
  }
  assert.deepEqual(parse('audit', { NO_COLOR: '1' }), {
    command: 'audit',
    options: { ...AUDIT_DEFAULTS, color: false },
  });
});

test('the audit asks the agent whether it protects, unless it is told', () => {
  for (const [text, changed] of [
    ['--protect auto', { auditProtect: 'auto' }],
    ['--protect=off', { auditProtect: 'off' }],
    ['--protect renew --protect-max-idle 12h', { auditProtect: 'renew', protectMaxIdleMs: 43_200_000 }],
    ['--status-listen [::1]:9000', { agentStatus: { host: '::1', port: 9000 } }],
    ['--status-listen off', { agentStatus: undefined }],
  ] as const) {
    assert.deepEqual(parse(`audit ${text}`), {
      command: 'audit',
      options: { ...AUDIT_DEFAULTS, ...changed },
    });
  }
});

test('the demo protects with a switch, or with the value that the agent has for it', () => {
  const of = (line: string) => {
    const result = parse(line);
    return 'command' in result && result.command === 'demo' ? result.options : undefined;
  };
  assert.equal(of('demo')?.demoProtect, false);
  for (const text of ['--protect', '--protect renew', '--protect=renew']) {
    assert.equal(of(`demo ${text}`)?.demoProtect, true, text);
    assert.deepEqual(of(`demo ${text} --family 6`), { ...of('demo'), demoProtect: true, family: 6 });
  }
});

const COMMANDS = `allowed is ${either(COMMAND_NAMES)}, "conntrack-watchdog --help" tells more`;
const LISTS = '"conntrack-watchdog agent --help" lists them';
const AUDIT_LISTS = '"conntrack-watchdog audit --help" lists them';
const LISTEN =
  'not an address to listen on; allowed is an IP address and a port up to 65535, such as 0.0.0.0:9469, [::1]:0 or :9469';
const WINDOW = 'allowed is 10ms to 10m, such as 500ms, 2s or 1m';
const INTERVAL = 'allowed is 1s to 1h, such as 30s or 5m, or off';
const LIMIT = 'not a count; allowed is a whole number from 1 to 999999999, or all';
const BUFFER = 'allowed is 4Ki to 1023Mi, such as 256Ki, 64Mi or plain bytes';
const SOURCES =
  'kubernetes, none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" prints';
const NODE =
  'not a Kubernetes node name; allowed are up to 253 lower-case letters, digits, "-" and ".", a letter or digit at the ends and beside each "."';
const LEVELS = 'allowed is trace, debug, info, warn, error, fatal or silent';

const REFUSED: [line: string, sentence: string][] = [
  ['', `a command is missing; ${COMMANDS}`],
  ['--listen :1 agent', `"--listen" comes before the command; ${COMMANDS}`],
  ['agnet', `unknown command "agnet" (did you mean agent?); ${COMMANDS}`],
  ['frobnicate', `unknown command "frobnicate"; ${COMMANDS}`],
  ['agent --lisen :1', `agent: unknown option "--lisen" (did you mean --listen?); ${LISTS}`],
  ['agent -listen :1', `agent: unknown option "-listen" (did you mean --listen?); ${LISTS}`],
  ['agent --listne=:1', `agent: unknown option "--listne" (did you mean --listen?); ${LISTS}`],
  ['audot', `unknown command "audot" (did you mean audit?); ${COMMANDS}`],
  ['agent --json', `agent: unknown option "--json"; ${LISTS}`],
  ['agent --limit 5', `agent: unknown option "--limit"; ${LISTS}`],
  ['agent --no-color', `agent: unknown option "--no-color"; ${LISTS}`],
  ['demo --json', 'demo: unknown option "--json"; "conntrack-watchdog demo --help" lists them'],
  ['audit --snapshot-interval 1m', `audit: unknown option "--snapshot-interval"; ${AUDIT_LISTS}`],
  ['audit --listen :1', `audit: unknown option "--listen"; ${AUDIT_LISTS}`],
  ['audit --log-level info', `audit: unknown option "--log-level"; ${AUDIT_LISTS}`],
  ['audit --limits 5', `audit: unknown option "--limits" (did you mean --limit?); ${AUDIT_LISTS}`],
  ['audit --json=yes', 'audit: --json takes no value'],
  ['replay', 'replay: FILE|- is missing: the recording, a file; - reads it from standard input'],
  ['replay a b', 'replay: unexpected argument "b"; it takes one FILE|-, and options'],
  ['replay a --', 'replay: unexpected argument "--"; it takes one FILE|-, and options'],
  [
    'replay --topology kubernetes -',
    'replay: --topology "kubernetes": its names of now are not those of the recording; allowed is none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" printed',
  ],
  [
    'replay --topology file -',
    'replay: --topology "file": unknown; allowed is none, or file:PATH with what "kubectl get services,endpointslices,pods -A -o yaml" printed',
  ],
  ['audit --json yes', 'audit: unexpected argument "yes"; it takes options only'],
  ['audit --json --json', 'audit: --json is given twice'],
  ['audit --limit -1', 'audit: --limit needs a value: --limit NUMBER'],
  ['audit --limit=', 'audit: --limit needs a value: --limit NUMBER'],
  ['audit --topology x.yaml', `audit: --topology "x.yaml": unknown; allowed is ${SOURCES}`],
  ...['-1', '0', '05', '1.5', '1e3', 'alll', 'ALL', 'off', '1000000000'].map((text): [string, string] => [
    `audit --limit=${text}`,
    `audit: --limit "${text}": ${LIMIT}`,
  ]),
  ['tail --protect renew', `tail: unknown option "--protect"; ${LISTS.replace('agent', 'tail')}`],
  ['agent --protect on', 'agent: --protect "on": unknown; allowed is off or renew'],
  ['agent --protect', 'agent: --protect needs a value: --protect MODE'],
  [
    'agent --protect-max-idle 500ms',
    'agent: --protect-max-idle "500ms": too small; allowed is 1s to 365d, such as 12h or 7d',
  ],
  ['audit --protect on', 'audit: --protect "on": unknown; allowed is auto, off or renew'],
  ['audit --protect', 'audit: --protect needs a value: --protect MODE'],
  ['demo --protect=off', 'demo: --protect takes no value but renew'],
  ['demo --protect off', 'demo: unexpected argument "off"; it takes options only'],
  ['demo --protect renew renew', 'demo: unexpected argument "renew"; it takes options only'],
  ['demo --protect --protect=renew', 'demo: --protect is given twice'],
  ['demo renew --protect', 'demo: unexpected argument "renew"; it takes options only'],
  ['agent --rules iptables', `agent: unknown option "--rules"; ${LISTS}`],
  ['agent =', 'agent: unexpected argument "="; it takes options only'],
  ['agent now', 'agent: unexpected argument "now"; it takes options only'],
  ['agent --', 'agent: unexpected argument "--"; it takes options only'],
  ['agent --proc /proc /sys', 'agent: unexpected argument "/sys"; it takes options only'],
  ['agent --listen', 'agent: --listen needs a value: --listen ADDRESS:PORT'],
  ['agent --listen=', 'agent: --listen needs a value: --listen ADDRESS:PORT'],
  ['agent --listen --proc /proc', 'agent: --listen needs a value: --listen ADDRESS:PORT'],
  ['agent --listen :1 --listen=:1', 'agent: --listen is given twice'],
  ['demo --no-color --no-color', 'demo: --no-color is given twice'],
  ['demo --no-color=yes', 'demo: --no-color takes no value'],
  ['demo --rules ipvs', 'demo: --rules "ipvs": unknown; allowed is iptables or nftables'],
  ['demo --family 5', 'demo: --family "5": unknown; allowed is 4 or 6'],
  ['demo --family 04', 'demo: --family "04": unknown; allowed is 4 or 6'],
  ['agent --topology file:', `agent: --topology "file:": unknown; allowed is ${SOURCES}`],
  ['agent --topology x.yaml', `agent: --topology "x.yaml": unknown; allowed is ${SOURCES}`],
  [
    'agent --proc proc',
    'agent: --proc "proc": not an absolute path; allowed is a folder from / on, such as /proc or /host/proc',
  ],
  ['agent --log-level INFO', `agent: --log-level "INFO": unknown; ${LEVELS}`],
  ['agent --log-level toString', `agent: --log-level "toString": unknown; ${LEVELS}`],
  ...[
    '9469',
    'localhost:1',
    '::1:1',
    '[::1',
    '[]:1',
    '[1.2.3.4]:1',
    '1.2.3:1',
    '1.2.3.4:',
    ':65536',
    ':1e3',
  ].map((text): [string, string] => [`agent --listen ${text}`, `agent: --listen "${text}": ${LISTEN}`]),
  ...['2', 's', '2 s'.replace(' ', '_'), '1.5s', '2S', '2sec', '0x2s', '1m30s', '9999999999999s'].map(
    (text): [string, string] => [
      `agent --confirm-window ${text}`,
      `agent: --confirm-window "${text}": not a duration; ${WINDOW}`,
    ],
  ),
  ['agent --confirm-window off', `agent: --confirm-window "off": not a duration; ${WINDOW}`],
  ['agent --snapshot-interval 0s', `agent: --snapshot-interval "0s": too small; ${INTERVAL}`],
  ['agent --snapshot-interval 999ms', `agent: --snapshot-interval "999ms": too small; ${INTERVAL}`],
  ['agent --snapshot-interval 2h', `agent: --snapshot-interval "2h": too large; ${INTERVAL}`],
  ...['offf', 'OFF', '60', '-1s'].map((text): [string, string] => [
    `agent --snapshot-interval=${text}`,
    `agent: --snapshot-interval "${text}": not a duration; ${INTERVAL}`,
  ]),
  ['agent --confirm-window 0s', `agent: --confirm-window "0s": too small; ${WINDOW}`],
  ['agent --confirm-window 9ms', `agent: --confirm-window "9ms": too small; ${WINDOW}`],
  ['agent --confirm-window 601s', `agent: --confirm-window "601s": too large; ${WINDOW}`],
  ['agent --confirm-window 7d', `agent: --confirm-window "7d": too large; ${WINDOW}`],
  ...['64M', '64MB', '64mi', '1.5Gi', 'Mi', '1Ti', '1e6'].map((text): [string, string] => [
    `agent --receive-buffer ${text}`,
    `agent: --receive-buffer "${text}": not a size; ${BUFFER}`,
  ]),
  ['agent --receive-buffer 4095', `agent: --receive-buffer "4095": too small; ${BUFFER}`],
  ['agent --receive-buffer 1Gi', `agent: --receive-buffer "1Gi": too large; ${BUFFER}`],
  ...['Node-1', 'a_b', 'a..b', '.a', 'a-', 'a.-b', 'a'.repeat(254)].map((text): [string, string] => [
    `agent --node-name ${text.startsWith('-') ? '=' : ''}${text}`,
    `agent: --node-name "${text.length > 80 ? `${text.slice(0, 80)}…` : text}": ${NODE}`,
  ]),
];

for (const [line, sentence] of REFUSED) {
  test(`refused: ${line.slice(0, 60)}`, () => {
    assert.throws(
      () => parse(line),
      (error) => error instanceof UsageError && assert.equal(error.message, sentence) === undefined,
    );
  });
}

test('the origin of a bad value is named when it was no option', () => {
  assert.throws(() => parse('agent', { NODE_NAME: 'My Node' }), {
    message: `agent: $NODE_NAME "My Node": ${NODE}`,
  });
  assert.throws(() => parse('agent', {}, 'my_laptop'), {
    message: `agent: the host name (give --node-name) "my_laptop": ${NODE}`,
  });
});

test('foreign text cannot break the one line', () => {
  assert.throws(() => parseCommandLine(['agent', '--log-level', 'a\nb\u001b[31m'], environment), {
    message: `agent: --log-level "a\\nb\\u001b[31m": unknown; ${LEVELS}`,
  });
});
