import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDetector, DEFAULT_SETTINGS, step } from '../../../src/detect/detector.ts';
import { type Capture, eventsOf, readCaptures } from '../../support/captured-bytes.ts';

/** What the stories recorded on each kernel must be told as; `kernel, heading` to findings in short. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  '5.10 iptables, expiry, run 1': ['lost timeout', 'reset backend_changed timeout broken'],
  '5.10 iptables, expiry, run 2': ['lost timeout', 'pending same timeout'],
  '5.10 iptables, expiry, run 3': ['lost timeout', 'reset backend_changed timeout broken'],
  '5.10 iptables, flush, run 1': ['lost deleted', 'pending same deleted'],
  '5.10 iptables, flush, run 2': ['lost deleted', 'pending same deleted'],
  '5.10 iptables, flush, run 3': ['lost deleted', 'pending same deleted'],
  '5.10 ipvs, idle expiry (ipvsadm --set 3 3 3)': ['lost ipvs', 'reset none ipvs broken'],
  '6.1 iptables, expiry, run 1': ['lost timeout', 'reset backend_changed timeout broken'],
  '6.1 iptables, expiry, run 2': ['lost timeout', 'pending same timeout'],
  '6.1 iptables, expiry, run 3': ['lost timeout', 'pending same timeout'],
  '6.1 iptables, flush, run 1': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.1 iptables, flush, run 2': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.1 iptables, flush, run 3': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.1 ipvs, idle expiry (ipvsadm --set 3 3 3)': ['lost ipvs', 'reset none ipvs broken'],
  '6.18 iptables, expiry, run 1': ['lost timeout', 'pending same timeout'],
  '6.18 iptables, expiry, run 2': ['lost timeout', 'reset backend_changed timeout broken'],
  '6.18 iptables, expiry, run 3': ['lost timeout', 'pending same timeout'],
  '6.18 iptables, flush, run 1': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.18 iptables, flush, run 2': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.18 iptables, flush, run 3': ['lost deleted', 'pending same deleted'],
};

/** Findings in short; a pickup that waits for the kernel's answer is `pending`. */
function told(capture: Capture): string[] {
  const detector = createDetector({
    ...DEFAULT_SETTINGS,
    confirmWindowMs: 2000,
    isServiceAddress: () => false,
  });
  const findings = eventsOf(capture).flatMap((event, index) => step(detector, event, index));
  const short = findings.map((finding) =>
    finding.kind === 'entry_lost'
      ? `lost ${finding.cause}`
      : `${finding.verdict} ${finding.mapping} ${finding.cause}${finding.broken ? ' broken' : ''}`,
  );
  const pending = [...detector.pending.values()].map(({ mapping, cause }) => `pending ${mapping} ${cause}`);
  return [...short, ...pending];
}

for (const kernel of ['5.10', '6.1', '6.18']) {
  for (const capture of readCaptures(`linux-${kernel}.hex`)) {
    const name = `${kernel} ${capture.heading.replace(/^\S+ /, '')}`;
    test(`recorded on Linux ${name}`, () => {
      assert.ok(name in EXPECTED, `no expectation for ${name}`);
      assert.deepEqual(told(capture), EXPECTED[name]);
    });
  }
}
