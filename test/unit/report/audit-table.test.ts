import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { auditTable } from '../../../src/report/audit-table.ts';
import {
  auditReport,
  EVIL,
  evilFlow,
  flowAtRisk,
  ipvsFlow,
  protectedWorkload,
  protectionReport,
  slowFlow,
  strangersFlow,
} from './at-risk-samples.ts';

const PLAIN = { limit: 20, color: false };
const tableOf = (...[report, options = PLAIN]: Partial<Parameters<typeof auditTable>>) =>
  [...auditTable(report!, options)].join('');
/** What stands above the notes. */
const rowsOf = (text: string) => text.split('\n\n')[1]!.split('\n');

test('names, addresses, three reasons and IPVS: one row each, advice once below', () => {
  const later = flowAtRisk({ expiresInSeconds: 7000 });
  const report = auditReport([ipvsFlow(), flowAtRisk(), slowFlow(), strangersFlow(), later]);
  assert.equal(
    tableOf(report),
    `\
5 of 14 connections through Services on node-1 will break if they stay idle (keepalive not known: 1).

EXPIRES IN  IDLE         CLIENT                                              SERVICE            BACKEND               KEEPALIVE            FIX
1 min       14 min       192.168.1.5:40000 (Node/node-1)                     shop/redis:6379    shop/redis-0:8080     none                 (1)
5 min       23 h 55 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379    shop/redis-0:8080     none                 (2)
30 min      23 h 30 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379    shop/redis-0:8080     probe in 2 h 30 min  (3)
1 h 30 min  unknown      [2001:db8::7]:41234                                 [2001:db8::1]:443  [2001:db8:1::9]:8443  unknown              (4)
1 h 56 min  23 h 55 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379    shop/redis-0:8080     none                 (2)

(1) Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at most 5 min, or raise --ipvs-tcp-timeout of kube-proxy (900 s unless set); the pod's sysctl net.ipv4.tcp_keepalive_time only helps sockets that have SO_KEEPALIVE.
(2) Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at most 5 min, or raise nf_conntrack_tcp_timeout_established (1 d); the pod's sysctl net.ipv4.tcp_keepalive_time only helps sockets that have SO_KEEPALIVE.
(3) The first keepalive probe comes too late: lower TCP_KEEPIDLE, or the pod's sysctl net.ipv4.tcp_keepalive_time, from 1 d 2 h or more to at most 5 min, or raise nf_conntrack_tcp_timeout_established (1 d) above it.
(4) What keepalive the client's socket has is not known on this node (its /proc is not visible, the client is elsewhere, or it was just sending): check there with ss -tno that it has a keepalive timer, and that its TCP_KEEPIDLE is at most 5 min.
`,
  );
});

test('nothing at risk is one sentence that says how much was looked at', () => {
  const rows = [
    [0, 'There is no open connection through a Service on node-1.\n'],
    [1, 'All is well: looked at 1 connection through Services on node-1, and none is at risk.\n'],
    [14, 'All is well: looked at 14 connections through Services on node-1, and none is at risk.\n'],
  ] as const;
  for (const [flows, expected] of rows) assert.equal(tableOf(auditReport([], { flows })), expected);
});

test('rows beyond the limit are counted, and need no note', () => {
  const many = [...new Array(39).fill(flowAtRisk()), strangersFlow()];
  const text = tableOf(auditReport(many, { flows: 50 }), { limit: 2, color: false });
  const [, ...rows] = rowsOf(text);
  assert.equal(rows.length, 3);
  assert.equal(rows[2], '... and 38 more (--limit all)');
  assert.match(text, /^40 of 50 connections .* \(keepalive not known: 1\)\.\n/);
  assert.deepEqual(text.match(/^\(\d+\) /gm), ['(1) ']);
  const all = tableOf(auditReport(many), { limit: Number.POSITIVE_INFINITY, color: false });
  assert.equal(rowsOf(all).length, 1 + 40);
  assert.doesNotMatch(all, /more/);
});

test('one connection is spoken of as one', () => {
  const text = tableOf(auditReport([flowAtRisk()], { flows: 1 }));
  assert.match(text, /^1 of 1 connection through Services on node-1 will break if it stays idle\.\n/);
});

test('connections that differ in their probes share a note, with the latest of them', () => {
  const probe = (idleSetting: number) =>
    slowFlow({ keepalive: { state: 'armed', probeInSeconds: 9000, idleSetting } });
  const text = tableOf(auditReport([probe(90_000), probe(172_800), probe(90_001)]));
  assert.deepEqual(text.match(/^\(\d+\) .*?or more/gm), [
    "(1) The first keepalive probe comes too late: lower TCP_KEEPIDLE, or the pod's sysctl net.ipv4.tcp_keepalive_time, from 2 d or more",
  ]);
});

test('a client that is a pod by itself is not named twice', () => {
  const { client } = flowAtRisk();
  const shell = flowAtRisk({ client: { ...client, pod: 'shell', workload: 'Pod/shell' } });
  assert.match(tableOf(auditReport([shell])), / {2}shop\/shell:40000 {2}/);
});

test('colour only if asked: the heading, and what goes within 10 minutes or an hour', () => {
  const atRisk = [599.9, 600, 3599, 3600].map((expiresInSeconds) => flowAtRisk({ expiresInSeconds }));
  const report = auditReport(atRisk);
  const plain = tableOf(report);
  assert.equal(plain, stripVTControlCharacters(plain));
  const coloured = tableOf(report, { limit: 20, color: true });
  assert.equal(stripVTControlCharacters(coloured), plain);
  const [heading, ...rows] = rowsOf(coloured);
  assert.ok(heading!.startsWith('\u001b[1mEXPIRES IN \u001b[22m  \u001b[1mIDLE'));
  assert.deepEqual(
    rows.map((row) => row.slice(0, row.indexOf('23 h'))),
    [
      '\u001b[31m10 min     \u001b[39m  ',
      '\u001b[33m10 min     \u001b[39m  ',
      '\u001b[33m59 min 59 s\u001b[39m  ',
      '1 h          ',
    ],
  );
});

test('sentences are broken at the width of the terminal, rows are not', () => {
  const text = tableOf(auditReport([flowAtRisk()]), { limit: 20, color: false, width: 60 });
  assert.equal(
    text,
    `\
1 of 14 connections through Services on node-1 will break if
it stays idle.

EXPIRES IN  IDLE         CLIENT                                              SERVICE          BACKEND            KEEPALIVE  FIX
5 min       23 h 55 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379  shop/redis-0:8080  none       (1)

(1) Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at
    most 5 min, or raise
    nf_conntrack_tcp_timeout_established (1 d); the pod's
    sysctl net.ipv4.tcp_keepalive_time only helps sockets
    that have SO_KEEPALIVE.
`,
  );
});

test('nothing of a name but printable ASCII reaches the terminal', () => {
  const text = tableOf(auditReport([evilFlow()], { node: EVIL }));
  assert.match(text, /^[ -~\n]*$/);
  const name = '?[2J??x??31m???y';
  const rows = rowsOf(text);
  assert.equal(rows.length, 2);
  assert.ok(rows[1]!.includes(`  ${name}/${name}:40000 (Job/${name})  ${name}/${name}:6379  ${name}/`));
  assert.match(text, /^1 of 14 connections through Services on \?\[2J/);
});

test('where entries are renewed: how many, and a column that says why the others are not, each reason once', () => {
  const protection = protectionReport([protectedWorkload({ connections: 11 })]);
  const unseen = flowAtRisk({ unprotected: 'client_unseen' });
  const report = auditReport([{ ...ipvsFlow(), unprotected: 'ipvs' }, unseen, unseen], { protection });
  const text = tableOf(report);
  assert.match(
    text,
    /^3 of 14 connections through Services on node-1 will break if they stay idle\. 11 connections are protected: their entries are renewed before they expire, for at most 7 d without a packet \(--protect renew\)\.\n/,
  );
  assert.deepEqual(rowsOf(text), [
    'EXPIRES IN  IDLE         CLIENT                                              SERVICE          BACKEND            KEEPALIVE  NOT PROTECTED  FIX',
    '1 min       14 min       192.168.1.5:40000 (Node/node-1)                     shop/redis:6379  shop/redis-0:8080  none       ipvs           (1)',
    '5 min       23 h 55 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379  shop/redis-0:8080  none       client_unseen  (2)',
    '5 min       23 h 55 min  shop/checkout-5d8f-x2x:40000 (Deployment/checkout)  shop/redis:6379  shop/redis-0:8080  none       client_unseen  (2)',
  ]);
  assert.deepEqual(text.match(/^\w+: not protected, as .*\.$/gm), [
    'ipvs: not protected, as IPVS translates it, and forgets an idle connection by a timer of its own that cannot be renewed.',
    "client_unseen: not protected, as its client's socket is not to be seen from this node (its processes are not below --proc, or it is elsewhere), so nobody knows whether it is still open.",
  ]);
});

test('all protected, one, and none', () => {
  const of = (connections: number, flows = 14) => {
    const workloads = connections === 0 ? [] : [protectedWorkload({ connections })];
    return tableOf(auditReport([], { flows, protection: protectionReport(workloads) }));
  };
  const well = 'All is well: looked at 14 connections through Services on node-1, and none is at risk.';
  const rest = 'for at most 7 d without a packet (--protect renew).';
  assert.equal(
    of(14),
    `${well} 14 connections are protected: their entries are renewed before they expire, ${rest}\n`,
  );
  assert.equal(of(1), `${well} 1 connection is protected: its entry is renewed before it expires, ${rest}\n`);
  assert.equal(of(0), `${well} None is protected, although entries are renewed (--protect renew).\n`);
  assert.equal(of(0, 0), 'There is no open connection through a Service on node-1.\n');
});
