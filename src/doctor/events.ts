import type { CheckResult } from '../model/check.ts';
import { isAtLeast, kernelVersion } from './kernel-version.ts';
import { fail, ok, sysctlFix, warn } from './result.ts';

const EVENTS_SYSCTL = 'net.netfilter.nf_conntrack_events';
const TIMESTAMP_SYSCTL = 'net.netfilter.nf_conntrack_timestamp';

export interface EventFacts {
  /** net.netfilter.nf_conntrack_events; undefined if there is none. */
  readonly events: number | undefined;
  /** Why sysctls that are there cannot be read. */
  readonly unreadable?: string | undefined;
}

/** Whether the kernel makes events at all. */
export function checkEvents({ events, unreadable }: EventFacts): CheckResult {
  const name = {
    id: 'events',
    title: 'conntrack events',
    why: 'A break is found by the events that the kernel sends when an entry goes away and when another takes its place.',
  };
  switch (events) {
    case undefined:
      if (unreadable !== undefined) {
        return fail(name, `${EVENTS_SYSCTL} cannot be read: ${unreadable}.`, [`sysctl ${EVENTS_SYSCTL}`]);
      }
      return fail(name, `There is no ${EVENTS_SYSCTL}: conntrack is not loaded, or built without events.`, [
        'modprobe nf_conntrack',
        'grep NF_CONNTRACK_EVENTS /boot/config-$(uname -r)',
      ]);
    case 0:
      return fail(name, `${EVENTS_SYSCTL} is 0: the kernel makes no events, and nothing can be seen.`, [
        ...sysctlFix(EVENTS_SYSCTL, 1),
      ]);
    case 1:
      return ok(name, `${EVENTS_SYSCTL} is 1: every entry has events, whether somebody listens or not.`);
    default:
      return ok(
        name,
        `${EVENTS_SYSCTL} is ${events}: entries made while somebody listens have events; those made while nobody does send none, ever (see blind entries).`,
      );
  }
}

export interface BlindFacts {
  readonly events: number | undefined;
  /** Port ids of programs that listen to NEW and DESTROY now; undefined if that cannot be read. */
  readonly listeners: readonly number[] | undefined;
  /** Open connections with a translated destination; undefined if the table could not be read. */
  readonly translated: number | undefined;
}

/** Entries that will send no event. Which ones do is not to be read anywhere: this says what follows from the rest. */
export function checkBlindEntries({ events, listeners, translated }: BlindFacts): CheckResult {
  const name = {
    id: 'blind_entries',
    title: 'blind entries',
    why: 'An entry that was made while nobody listened sends no DESTROY: when and why it went away is not known then, and its old backend only from a snapshot. The break itself is seen all the same.',
  };
  const open =
    translated === undefined
      ? 'How many connections through Services are open cannot be read'
      : `${translated === 1 ? '1 connection through a Service is' : `${translated} connections through Services are`} open`;
  if (events === undefined || events === 0) {
    return warn(name, `${open}; none of their entries sends events (see conntrack events).`, [
      ...sysctlFix(EVENTS_SYSCTL, 1),
    ]);
  }
  if (translated === undefined) return warn(name, `${open} (see ctnetlink).`, ['conntrack -L']);
  if (events === 1) {
    return ok(
      name,
      `${open}; with ${EVENTS_SYSCTL}=1 none is blind that was made since it was set. When that was cannot be read.`,
    );
  }
  if (translated === 0)
    return ok(name, `${open}, so none is blind; those that are made while nobody listens will be.`);
  if (listeners === undefined) {
    return warn(
      name,
      `${open}; those made while nobody listened are blind. Whether somebody does cannot be read.`,
      [...sysctlFix(EVENTS_SYSCTL, 1)],
    );
  }
  if (listeners.length > 0) {
    const who = `${listeners.length === 1 ? 'a program listens' : `${listeners.length} programs listen`} (port id ${listeners.join(', ')})`;
    return ok(
      name,
      `${open}, and ${who}; those made before it began are blind. How many these are, the metric blind_entries of a running agent tells.`,
    );
  }
  return warn(
    name,
    `${open}, and nobody listens now: those that were made since nobody does are blind, for good.`,
    [
      ...sysctlFix(EVENTS_SYSCTL, 1),
      '# connections that are open now stay blind; those made from then on are not',
    ],
  );
}

export interface TimestampFacts {
  /** net.netfilter.nf_conntrack_timestamp; undefined if there is none. */
  readonly timestamp: number | undefined;
  readonly release: string;
}

/** Whether events carry exact times. */
export function checkTimestamps({ timestamp, release }: TimestampFacts): CheckResult {
  const name = {
    id: 'timestamps',
    title: 'exact times',
    why: "With the kernel's own times evidence is exact to the microsecond, also in a flood; otherwise an event has the time at which it was read. Nothing is missed for it.",
  };
  const version = kernelVersion(release);
  const hasEventTimes = version !== undefined && isAtLeast(version, 6, 14);
  if (timestamp === undefined)
    return ok(
      name,
      'This kernel has no nf_conntrack_timestamp; events have the time at which they are read.',
    );
  if (timestamp === 0) {
    return ok(
      name,
      `${TIMESTAMP_SYSCTL} is 0: events have the time at which they are read. 1 would add when an entry was made${hasEventTimes ? ', and the time of each event' : ''}.`,
    );
  }
  return ok(
    name,
    `${TIMESTAMP_SYSCTL} is ${timestamp}: entries made since carry when they were made${hasEventTimes ? ', and events the time at which they happened' : '; events have times of their own since Linux 6.14'}.`,
  );
}
