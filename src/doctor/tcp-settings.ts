import type { CheckResult } from '../model/check.ts';
import { fail, ok, sysctlFix, warn } from './result.ts';

const LOOSE = 'net.netfilter.nf_conntrack_tcp_loose';
const LIBERAL = 'net.netfilter.nf_conntrack_tcp_be_liberal';

/** Whether a packet in the middle of a connection makes an entry, which is what shows that the old one is gone. */
export function checkTcpLoose(loose: number | undefined): CheckResult {
  const name = {
    id: 'tcp_loose',
    title: 'mid-stream pickup',
    why: 'A break shows by the entry that the next packet makes. With tcp_loose off that packet is INVALID and makes none: the connection hangs in silence instead of being reset, and only the loss is seen, if its entry had events.',
  };
  if (loose === undefined) return warn(name, `${LOOSE} cannot be read.`, [`sysctl ${LOOSE}`]);
  if (loose === 0) {
    return fail(
      name,
      `${LOOSE} is 0: no broken connection can be seen, broken_connections_total stays 0; lost_entries_total and the statistic "invalid" are what is left.`,
      sysctlFix(LOOSE, 1),
    );
  }
  return ok(
    name,
    `${LOOSE} is ${loose}: a connection that lost its entry is picked up again, and that is seen.`,
  );
}

/** What becomes of packets that are out of the window. */
export function checkTcpBeLiberal(beLiberal: number | undefined): CheckResult {
  const name = {
    id: 'tcp_be_liberal',
    title: 'packets out of window',
    why: 'A packet that conntrack finds out of window is INVALID and not translated back, so that the client may answer it with a reset. That is another fault than a lost entry, and makes no event: this tool does not see it.',
  };
  if (beLiberal === undefined) return warn(name, `${LIBERAL} cannot be read.`, [`sysctl ${LIBERAL}`]);
  if (beLiberal === 0) {
    return ok(
      name,
      `${LIBERAL} is 0, the default: packets out of window are INVALID; kube-proxy drops those with its rule for INVALID.`,
    );
  }
  return ok(name, `${LIBERAL} is ${beLiberal}: packets out of window are translated like others.`);
}
