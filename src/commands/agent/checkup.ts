import type { KernelSettings, readSettings } from '../../kernel/settings.ts';
import type { Log } from '../../report/log.ts';
import { READY_CONDITIONS, type ReadyCondition } from '../../report/metric-table.ts';
import type { Readiness } from '../../report/readiness.ts';

/** Wanted by /readyz when names come from the API server. */
export const TOPOLOGY_CONDITION: ReadyCondition = 'topology_synced';
/** Always wanted. */
export const AGENT_CONDITIONS = READY_CONDITIONS.filter((condition) => condition !== TOPOLOGY_CONDITION);

interface CheckupOptions {
  readonly read: () => ReturnType<typeof readSettings>;
  readonly procPath: string;
  readonly readiness: Readiness<ReadyCondition>;
  readonly log: Log;
  /** Events were off, and are on now: what was made in between sends none. */
  readonly onEventsEnabled: () => void;
}

/** What can make the agent blind, looked at now and then; each change is said once in the log. */
export interface Checkup {
  /** Reads the settings, and says what in them is wrong. */
  settings(): KernelSettings;
  /** As they were read last. */
  lastSettings(): KernelSettings;
  /** Takes how many events were lost so far, undefined if that cannot be read, and gives it back. */
  eventsLost(total: number | undefined): number | undefined;
  /** A DESTROY came without a state. */
  oldKernel(): void;
}

export function createCheckup({ read, procPath, readiness, log, onEventsEnabled }: CheckupOptions): Checkup {
  let last: KernelSettings = new Map();
  let lostBefore = 0;
  let oldKernelSaid = false;
  const said = new Map<string, number | undefined>();
  const changed = (name: string, value: number | undefined) => {
    if (said.has(name) && said.get(name) === value) return false;
    said.set(name, value);
    return true;
  };

  return {
    settings() {
      const { settings, unreadable } = read();
      if (unreadable !== undefined) {
        // A passing fault, such as no file descriptor left: what was read before still holds.
        if (changed('unreadable', 1))
          log.warn('kernel_setting', `Kernel settings cannot be read: ${unreadable}`);
        return last;
      }
      said.delete('unreadable');
      last = settings;
      const events = last.get('nf_conntrack_events');
      if (events === undefined || events === 0) {
        const why = eventsProblem(events, procPath);
        readiness.fail('events_enabled', why);
        if (changed('nf_conntrack_events', events))
          log.error('kernel_setting', `Nothing can be seen: ${why}`);
      } else {
        readiness.meet('events_enabled');
        const before = said.get('nf_conntrack_events');
        if (changed('nf_conntrack_events', events) && before === 0) {
          log.info('kernel_setting', `net.netfilter.nf_conntrack_events is ${events} again: events are seen`);
          onEventsEnabled();
        }
      }
      const loose = last.get('nf_conntrack_tcp_loose');
      const looseBefore = said.get('nf_conntrack_tcp_loose');
      if (changed('nf_conntrack_tcp_loose', loose)) {
        if (loose === 0) log.warn('kernel_setting', LOOSE_IS_OFF);
        else if (looseBefore === 0)
          log.info('kernel_setting', 'net.netfilter.nf_conntrack_tcp_loose is on again');
      }
      return last;
    },
    lastSettings: () => last,
    eventsLost(total) {
      if (total !== undefined && total > lostBefore) {
        const lines = total - lostBefore;
        log.warn(
          'events_lost',
          `The kernel dropped ${lines} events because the receive buffer was full: what happened to those connections is not known. Raise --receive-buffer.`,
          { lost: lines, lost_total: total },
        );
        lostBefore = total;
      }
      return total;
    },
    oldKernel() {
      if (oldKernelSaid) return;
      oldKernelSaid = true;
      log.warn('old_kernel', OLD_KERNEL);
    },
  };
}

function eventsProblem(events: number | undefined, procPath: string): string {
  return events === undefined
    ? `${procPath}/sys/net/netfilter/nf_conntrack_events cannot be read: connection tracking is not loaded, or the kernel was built without its events`
    : 'net.netfilter.nf_conntrack_events is 0, so the kernel sends no events; set it to 1 or 2 (sysctl -w net.netfilter.nf_conntrack_events=2)';
}

const LOOSE_IS_OFF =
  'net.netfilter.nf_conntrack_tcp_loose is 0: a connection that lost its entry stalls without any event, so broken connections cannot be seen, only lost entries; set it to 1';

const OLD_KERNEL =
  'This kernel (before Linux 5.11) sends neither state nor remaining time when an entry goes away: every closed connection costs one message, and causes other than a flush are often unknown';
