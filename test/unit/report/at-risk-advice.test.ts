import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RISK_REASONS } from '../../../src/model/at-risk.ts';
import { atRiskAdvice } from '../../../src/report/at-risk-advice.ts';
import { flowAtRisk, ipvsFlow, slowFlow, strangersFlow } from './at-risk-samples.ts';

test('each reason has its advice, with the value to set and the setting to raise', () => {
  const settings = { nf_conntrack_tcp_timeout_established: 86_400 };
  const rows = [
    [
      atRiskAdvice(flowAtRisk(), settings),
      "Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at most 5 min, or raise nf_conntrack_tcp_timeout_established (1 d); the pod's sysctl net.ipv4.tcp_keepalive_time only helps sockets that have SO_KEEPALIVE.",
    ],
    [
      atRiskAdvice(slowFlow(), settings),
      "The first keepalive probe comes too late: lower TCP_KEEPIDLE, or the pod's sysctl net.ipv4.tcp_keepalive_time, from 1 d 2 h or more to at most 5 min, or raise nf_conntrack_tcp_timeout_established (1 d) above it.",
    ],
    [
      atRiskAdvice(strangersFlow(), settings),
      "What keepalive the client's socket has is not known on this node (its /proc is not visible, the client is elsewhere, or it was just sending): check there with ss -tno that it has a keepalive timer, and that its TCP_KEEPIDLE is at most 5 min.",
    ],
    [
      atRiskAdvice(ipvsFlow(), settings),
      "Set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of at most 5 min, or raise --ipvs-tcp-timeout of kube-proxy (900 s unless set); the pod's sysctl net.ipv4.tcp_keepalive_time only helps sockets that have SO_KEEPALIVE.",
    ],
    [
      atRiskAdvice(slowFlow({ limitedBy: 'ipvs', timeoutSeconds: 3600 }), settings),
      "The first keepalive probe comes too late: lower TCP_KEEPIDLE, or the pod's sysctl net.ipv4.tcp_keepalive_time, from 1 d 2 h or more to at most 5 min, or raise --ipvs-tcp-timeout of kube-proxy (now 1 h) above it.",
    ],
  ];
  for (const [sentence, expected] of rows) assert.equal(sentence, expected);
});

test('TCP_KEEPIDLE is half of the timeout, at least 1 s and at most 5 min', () => {
  const rows = [
    [1, '1 s'],
    [2, '1 s'],
    [3, '1 s'],
    [121, '1 min'],
    [599, '4 min 59 s'],
    [600, '5 min'],
    [432_000, '5 min'],
  ] as const;
  for (const [timeoutSeconds, expected] of rows) {
    for (const reason of RISK_REASONS) {
      const advice = atRiskAdvice(flowAtRisk({ reason, timeoutSeconds }), {});
      assert.ok(advice.includes(`at most ${expected}`), advice);
    }
  }
});

test('without the sysctl its value is the timeout of the connection', () => {
  const advice = atRiskAdvice(flowAtRisk({ timeoutSeconds: 432_000 }), {});
  assert.ok(advice.includes('nf_conntrack_tcp_timeout_established (5 d)'), advice);
});
