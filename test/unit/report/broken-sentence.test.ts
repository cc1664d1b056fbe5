import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAUSES, MAPPINGS, OUTCOMES, SENDERS } from '../../../src/model/finding.ts';
import type { FlowEvent } from '../../../src/model/flow-event.ts';
import { brokenSentence } from '../../../src/report/broken-sentence.ts';
import { destroyed, pickup, seenInSnapshot, stranger } from './samples.ts';

const WHO = 'Connection from shop/checkout-5d8f-x2x (Deployment/checkout) to shop/redis:6379';
const MOVED = 'the next packet went to 10.244.0.3:8080 instead of 10.244.0.2:8080';

test('each cause has its words and its advice', () => {
  const deleted = [destroyed({ portId: 4242, timeoutSeconds: 86_000 })];
  const rows = [
    [
      brokenSentence(pickup(), { nf_conntrack_tcp_timeout_established: 86_400 }),
      `${WHO} was reset: its conntrack entry timed out after 3 s idle, and ${MOVED}. Set TCP keepalive in the client below nf_conntrack_tcp_timeout_established (1 d), or raise that.`,
    ],
    [
      brokenSentence(pickup({ idleSeconds: undefined, evidence: [destroyed({ tcpState: 'CLOSE_WAIT' })] })),
      `${WHO} was reset: its conntrack entry timed out, and ${MOVED}. It was half closed, in CLOSE_WAIT: raise nf_conntrack_tcp_timeout_close_wait.`,
    ],
    [
      brokenSentence(pickup({ cause: 'deleted', idleSeconds: 1200, evidence: deleted })),
      `${WHO} was reset: a program (port id 4242) deleted its conntrack entry, and after 20 min idle ${MOVED}. Find the program: the port id is usually its process id; conntrack -F or -D, the CNI plugin and kube-proxy do this.`,
    ],
    [
      brokenSentence(pickup({ cause: 'ipvs', mapping: 'none', idleSeconds: 960 })),
      `${WHO} was reset: IPVS forgot it after 16 min idle, and the next packet was not translated to any backend. Set TCP keepalive in the client below the IPVS timeout (900 s unless set), or raise --ipvs-tcp-timeout of kube-proxy.`,
    ],
    [
      brokenSentence(pickup({ cause: 'kernel', mapping: 'source_changed', idleSeconds: undefined })),
      `${WHO} was reset: the kernel removed its conntrack entry early, and the next packet went to the same backend 10.244.0.3:8080 from another masqueraded address or port. Look for pressure on the conntrack table (table_entries against table_limit) and for a masquerade device that went down.`,
    ],
    [
      brokenSentence(
        pickup({
          cause: 'unseen',
          mapping: 'unknown',
          idleSeconds: undefined,
          oldBackend: undefined,
          verdict: 'stalled',
        }),
      ),
      `${WHO} stalled: its conntrack entry was gone and no event told of it, and the next packet went to 10.244.0.3:8080 (the old backend is not known), which has not answered (the client may retransmit for up to 15 minutes). The entry was older than the agent (set net.netfilter.nf_conntrack_events to 1: with 2 such entries send no event), or events were lost: see events_lost_total.`,
    ],
    [
      brokenSentence(pickup({ cause: 'unknown', sender: 'server', idleSeconds: undefined })),
      `${WHO} was reset: its conntrack entry was removed, and the next packet came from the server and reached the client untranslated, which refused it. Linux before 5.11 does not say why.`,
    ],
  ];
  for (const [sentence, expected] of rows) assert.equal(sentence, expected);
});

test('a loss that only snapshots tell of is said to be one, with when the entry was last seen', () => {
  const [, ...ofPickup] = pickup().evidence;
  const lost = (fields: Parameters<typeof pickup>[0], state: FlowEvent['tcpState'] = 'ESTABLISHED') =>
    pickup({ evidence: [seenInSnapshot({ tcpState: state }), ...ofPickup], ...fields });
  const rows = [
    [
      brokenSentence(lost({ idleSeconds: 86_403 }), { nf_conntrack_tcp_timeout_established: 86_400 }),
      `${WHO} was reset: its conntrack entry timed out after 1 d idle (last seen in the table 12 s before), and ${MOVED}. Set TCP keepalive in the client below nf_conntrack_tcp_timeout_established (1 d), or raise that.`,
    ],
    [
      brokenSentence(lost({ idleSeconds: undefined }, 'CLOSE_WAIT')),
      `${WHO} was reset: its conntrack entry timed out (last seen in the table 12 s before), and ${MOVED}. It was half closed, in CLOSE_WAIT: raise nf_conntrack_tcp_timeout_close_wait.`,
    ],
    [
      brokenSentence(lost({ cause: 'deleted', idleSeconds: 1200 }), { nf_conntrack_events: 2 }),
      `${WHO} was reset: its conntrack entry was deleted, which no event told of (last seen in the table 12 s before), and after 20 min idle ${MOVED}. Find the program: conntrack -F or -D, the CNI plugin and kube-proxy do this; to have it named, set net.netfilter.nf_conntrack_events to 1: with 2, entries made before the agent started send no event.`,
    ],
    [
      brokenSentence(lost({ cause: 'deleted', idleSeconds: undefined }), { nf_conntrack_events: 1 }),
      `${WHO} was reset: its conntrack entry was deleted, which no event told of (last seen in the table 12 s before), and ${MOVED}. Find the program: conntrack -F or -D, the CNI plugin and kube-proxy do this; it is not named because the entry is older than net.netfilter.nf_conntrack_events=1, or events were lost (events_lost_total).`,
    ],
    [
      brokenSentence(lost({ cause: 'unseen', idleSeconds: 5 })),
      `${WHO} was reset: its conntrack entry was gone and no event told of it (last seen in the table 12 s before), and after 5 s idle ${MOVED}. The entry was older than the agent (set net.netfilter.nf_conntrack_events to 1: with 2 such entries send no event), or events were lost: see events_lost_total.`,
    ],
    [
      brokenSentence(lost({ cause: 'unseen', idleSeconds: undefined }), { nf_conntrack_events: 1 }),
      `${WHO} was reset: its conntrack entry was gone and no event told of it (last seen in the table 12 s before), and ${MOVED}. The entry was older than net.netfilter.nf_conntrack_events=1, or events were lost: see events_lost_total.`,
    ],
    [
      brokenSentence(pickup({ cause: 'unseen', idleSeconds: undefined, evidence: ofPickup }), {
        nf_conntrack_events: 1,
      }),
      `${WHO} was reset: its conntrack entry was gone and no event told of it, and ${MOVED}. The entry was older than the agent, or events were lost: see events_lost_total.`,
    ],
  ];
  for (const [sentence, expected] of rows) assert.equal(sentence, expected);
});

test('a DESTROY that does not say its state has it from the snapshot, and tells when the entry went', () => {
  const [destroy, ...ofPickup] = pickup().evidence;
  const evidence = [
    seenInSnapshot({ tcpState: 'FIN_WAIT' }),
    { ...destroy!, tcpState: undefined },
    ...ofPickup,
  ];
  assert.equal(
    brokenSentence(pickup({ evidence })),
    `${WHO} was reset: its conntrack entry timed out after 3 s idle, and ${MOVED}. It was half closed, in FIN_WAIT: raise nf_conntrack_tcp_timeout_fin_wait.`,
  );
});

test('a client is named as far as it is known', () => {
  const unknown = { ip: '2001:db8::7', port: 5, namespace: undefined, pod: undefined, workload: undefined };
  const rows = [
    [unknown, 'from [2001:db8::7]:5 to'],
    [{ ...unknown, workload: 'Node/node-1' }, 'from Node/node-1 ([2001:db8::7]:5) to'],
    [{ ...unknown, namespace: 'shop', pod: 'shell', workload: 'Pod/shell' }, 'from shop/shell to'],
  ] as const;
  for (const [client, expected] of rows) {
    const sentence = brokenSentence(pickup({ client }));
    assert.ok(sentence.includes(expected), sentence);
  }
  const sentence = brokenSentence(pickup({ service: stranger('2001:db8::1', 443) }));
  assert.ok(sentence.includes('to [2001:db8::1]:443 was'), sentence);
});

test('every combination makes one whole sentence', () => {
  for (const cause of CAUSES) {
    for (const mapping of MAPPINGS) {
      for (const sender of SENDERS) {
        for (const verdict of OUTCOMES) {
          for (const backends of [{}, { oldBackend: undefined, newBackend: undefined }]) {
            for (const old of [destroyed(), seenInSnapshot()]) {
              const evidence = [old, ...pickup().evidence.slice(1)];
              const sentence = brokenSentence(
                pickup({ cause, mapping, sender, verdict, evidence, ...backends }),
              );
              assert.match(sentence, /^Connection from \S.*: .*, and .*\. \S.*\.$/);
              assert.doesNotMatch(sentence, /undefined|\n| {2}/);
              assert.equal(
                sentence.includes('(last seen in the table 12 s before)'),
                old.type === 'snapshot',
              );
            }
          }
        }
      }
    }
  }
});
