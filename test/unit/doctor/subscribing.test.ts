import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCtnetlink, checkFilter, checkReceiveBuffer } from '../../../src/doctor/subscribing.ts';

const problem = (code: string) => ({ code, message: `asking the kernel: ${code}` });

test('ctnetlink: each reason has a fix of its own', () => {
  assert.equal(checkCtnetlink(undefined).status, 'OK');
  const fixes = [
    ['no_capability', /add: \[NET_ADMIN\].*\n.*\nsudo conntrack-watchdog doctor/],
    ['no_ctnetlink', /^modprobe nf_conntrack_netlink\n/],
    ['unsupported_host', /on a node/],
    ['socket', /sudo/],
  ] as const;
  for (const [code, fix] of fixes) {
    const result = checkCtnetlink(problem(code));
    assert.equal(result.status, 'FAIL');
    assert.equal(result.seen, `Asking the kernel: ${code}.`);
    assert.match(result.fix!.join('\n'), fix);
  }
});

test('the filter is attached, or not', () => {
  assert.equal(checkFilter(undefined).status, 'OK');
  assert.equal(checkFilter(problem('socket')).status, 'FAIL');
});

test('the receive buffer: granted, less than asked for, refused', () => {
  const asked = { askedBytes: 64 * 2 ** 20, problem: undefined, rmemMax: 212_992 };
  const granted = checkReceiveBuffer({ ...asked, grantedBytes: 2 * asked.askedBytes });
  assert.equal(granted.status, 'OK');
  assert.match(granted.seen, /^64Mi were asked for and granted.*net\.core\.rmem_max \(208Ki\)/);
  const less = checkReceiveBuffer({ ...asked, grantedBytes: 425_984 });
  assert.equal(less.status, 'WARN');
  assert.equal(less.seen, '64Mi were asked for, 208Ki granted.');
  assert.deepEqual(less.fix, ['sysctl -w net.core.rmem_max=67108864']);
  const refused = { ...asked, grantedBytes: undefined, problem: problem('no_capability') };
  const result = checkReceiveBuffer(refused);
  assert.equal(result.status, 'FAIL');
  assert.match(result.seen, /64Mi were refused.*initial user namespace/);
  assert.equal(checkReceiveBuffer({ ...refused, rmemMax: undefined }).status, 'FAIL');
  const other = checkReceiveBuffer({ ...refused, problem: problem('socket') });
  assert.deepEqual([other.status, other.seen], ['FAIL', 'Asking the kernel: socket.']);
});
