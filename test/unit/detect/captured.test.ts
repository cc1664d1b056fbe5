import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../../src/detect/detector.ts';
import { createDetector, DEFAULT_SETTINGS } from '../../../src/detect/detector-state.ts';
import { type Capture, eventsOf, readCaptures } from '../../support/captured-bytes.ts';

const KERNELS = ['5.10', '6.1', '6.18', '6.18-variants'];

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
  '6.18-variants expiry': ['lost timeout', 'reset backend_changed timeout broken'],
  '6.18-variants flush': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.18-variants flush, IPv6': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.18-variants server speaks first, then the client': [
    ...['lost deleted', 'reset none deleted broken', 'reset backend_changed deleted'],
  ],
  '6.18-variants stalled': ['lost deleted', 'pending backend_changed deleted'],
  '6.18-variants half-closed expiry': ['lost timeout', 'reset backend_changed timeout broken'],
  '6.18-variants same mapping, survived, closed in order': ['lost deleted', 'pending same deleted'],
  '6.18-variants one backend, masqueraded': ['lost deleted', 'reset source_changed deleted broken'],
  '6.18-variants not translated any more': ['lost deleted', 'pending none deleted'],
  '6.18-variants client on the host network': ['lost deleted', 'reset backend_changed deleted broken'],
  '6.18-variants nothing known before': ['reset unknown unseen broken'],
  '6.18-variants inserted by a program': ['lost deleted'],
  '6.18-variants connection refused': [],
  '6.18-variants ordinary churn': [],
  '6.18-variants retransmitted after a stall': [
    ...['lost deleted', 'unknown backend_changed deleted', 'reset backend_changed deleted broken'],
  ],
  '6.18-variants in zone 7': ['lost deleted', 'reset backend_changed deleted broken'],
};

/** Findings in short; a pickup that waits for the kernel's answer is `pending`. */
function told(capture: Capture): string[] {
  const detector = createDetector({
    ...DEFAULT_SETTINGS,
    confirmWindowMs: 2000,
    isServiceAddress: () => false,
  });
  // The agent joins no group for UPDATE; what those tell of recordings is in recordings.test.ts.
  const heard = eventsOf(capture).filter(({ type }) => type !== 'update');
  const findings = heard.flatMap((event, index) => step(detector, event, index));
  const short = findings.map((finding) =>
    finding.kind === 'entry_lost'
      ? `lost ${finding.cause}`
      : `${finding.verdict} ${finding.mapping} ${finding.cause}${finding.broken ? ' broken' : ''}`,
  );
  const pending = [...detector.pending.values()].map(({ mapping, cause }) => `pending ${mapping} ${cause}`);
  return [...short, ...pending];
}

test('every expected story is there', () => {
  const stories = KERNELS.flatMap((kernel) => readCaptures(`linux-${kernel}.hex`));
  assert.equal(stories.length, Object.keys(EXPECTED).length);
});

for (const kernel of KERNELS) {
  for (const capture of readCaptures(`linux-${kernel}.hex`)) {
    // The older files have the kernel's release before the story.
    const name = `${kernel} ${capture.heading.replace(/^\d\S+ /, '')}`;
    test(`recorded on Linux ${name}`, () => {
      assert.ok(name in EXPECTED, `no expectation for ${name}`);
      assert.deepEqual(told(capture), EXPECTED[name]);
    });
  }
}
