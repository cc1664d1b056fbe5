import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTimeouts, type TimeoutFacts } from '../../../src/doctor/timeouts.ts';
import { DEFAULT_TIMEOUTS } from '../../../src/lib/tcp-timeouts.ts';

const facts: TimeoutFacts = { timeouts: DEFAULT_TIMEOUTS, keepaliveSeconds: 7200, ipvs: false };
const kubeProxy = { ...DEFAULT_TIMEOUTS, established: 86_400, closeWait: 3600 };

test('as kube-proxy sets it: fine here, and the load balancers beside it', () => {
  const result = checkTimeouts({ ...facts, timeouts: kubeProxy });
  assert.equal(result.status, 'OK');
  assert.equal(result.fix, undefined);
  assert.match(result.seen, /breaks first after 1 d \(86400 s\), by conntrack \(established\)/);
  assert.match(result.seen, /A TCP_KEEPIDLE of 2 min \(120 s\) fits here/);
  assert.doesNotMatch(result.seen, /half-closed|not above/);
  assert.deepEqual(result.table, {
    headings: ['TIMEOUT', 'AFTER', 'KEEPALIVE 7200 s', 'KEEPALIVE 120 s'],
    rows: [
      ['load balancer of Azure (if in the path)', '4 min (240 s)', 'too late', 'in time'],
      ['network load balancer of AWS (if in the path)', '5 min 50 s (350 s)', 'too late', 'in time'],
      ['load balancer of Google Cloud (if in the path)', '10 min (600 s)', 'too late', 'in time'],
      ['conntrack (half-closed, close_wait)', '1 h (3600 s)', 'too late', 'in time'],
      ['conntrack (established)', '1 d (86400 s)', 'in time', 'in time'],
      ['conntrack (data not acknowledged)', '5 min (300 s)', 'no help', 'no help'],
    ],
  });
});

test('a timeout below the keepalive time warns, also at the same second', () => {
  for (const established of [600, 7200]) {
    const result = checkTimeouts({ ...facts, timeouts: { ...kubeProxy, established } });
    assert.equal(result.status, 'WARN', String(established));
    assert.match(result.seen, /too late/);
    assert.match(result.fix!.join('\n'), /timeout_established=86400/);
  }
  assert.equal(checkTimeouts({ ...facts, timeouts: { ...kubeProxy, established: 7201 } }).status, 'OK');
});

test('IPVS ends an idle connection long before conntrack does', () => {
  const result = checkTimeouts({ ...facts, timeouts: kubeProxy, ipvs: true });
  assert.equal(result.status, 'WARN');
  assert.match(result.seen, /breaks first after 15 min \(900 s\), by IPVS/);
  assert.match(result.seen, /ipvsadm -l --timeout/);
  assert.match(result.fix!.join('\n'), /ipvs: \{ tcpTimeout: 14400s \}/);
  assert.doesNotMatch(result.fix!.join('\n'), /timeout_established=/);
  const row = result.table!.rows.find(([what]) => what!.startsWith('IPVS'));
  assert.deepEqual(row, ['IPVS (900 s unless set)', '15 min (900 s)', 'too late', 'in time']);
  assert.equal(checkTimeouts({ ...facts, keepaliveSeconds: 300, ipvs: true }).status, 'OK');
});

test('the keepalive that fits is half of the smallest timeout', () => {
  const result = checkTimeouts({ ...facts, timeouts: { ...kubeProxy, established: 100 } });
  assert.match(result.seen, /TCP_KEEPIDLE of 50 s fits/);
  assert.match(result.fix!.join('\n'), /tcp_keepalive_time, value: "50"/);
  assert.match(result.seen, /not above that of unacknowledged data/);
});

test('what is short or unknown is said', () => {
  assert.match(checkTimeouts(facts).seen, /half-closed connection has 1 min \(60 s\) only/);
  const unknown = checkTimeouts({ ...facts, keepaliveSeconds: undefined });
  assert.equal(unknown.status, 'OK');
  assert.match(unknown.seen, /2 h \(7200 s\), assumed as it cannot be read/);
  assert.equal(checkTimeouts({ ...facts, timeouts: undefined }).status, 'WARN');
});
