import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAUSES, MAPPINGS, OUTCOMES, SENDERS } from '../../../src/model/finding.ts';
import { brokenSentence } from '../../../src/report/broken-sentence.ts';
import { destroyed, pickup, stranger } from './samples.ts';

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
      `${WHO} stalled: its conntrack entry was gone and no event told of it, and the next packet went to 10.244.0.3:8080 (the old backend is not known), which has not answered (the client may retransmit for up to 15 minutes). The entry was older than the agent, or events were lost: see events_lost_total.`,
    ],
    [
      brokenSentence(pickup({ cause: 'unknown', sender: 'server', idleSeconds: undefined })),
      `${WHO} was reset: its conntrack entry was removed, and the next packet came from the server and reached the client untranslated, which refused it. Linux before 5.11 does not say why.`,
    ],
  ];
  for (const [sentence, expected] of rows) assert.equal(sentence, expected);
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
            const sentence = brokenSentence(pickup({ cause, mapping, sender, verdict, ...backends }));
            assert.match(sentence, /^Connection from \S.*: .*, and .*\. \S.*\.$/);
            assert.doesNotMatch(sentence, /undefined|\n| {2}/);
          }
        }
      }
    }
  }
});
