import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelError } from '../../../src/kernel/errors.ts';

test('an errno becomes a reason and one line that says what helps', () => {
  const cases = [
    [1, 'no_capability', /NET_ADMIN/],
    [13, 'no_capability', /NET_ADMIN/],
    [22, 'no_ctnetlink', /modprobe nf_conntrack_netlink/],
    [93, 'no_ctnetlink', /modprobe nf_conntrack_netlink/],
    [95, 'no_ctnetlink', /modprobe nf_conntrack_netlink/],
    [105, 'socket', /errno 105/],
  ] as const;
  for (const [errno, code, text] of cases) {
    const error = kernelError('subscribing', errno);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    assert.match(error.message, /^subscribing: [^\n]+$/);
  }
});
