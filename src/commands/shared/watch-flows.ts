import { decodeDatagram, type Message } from '../../decode/datagram.ts';
import { type Answer, abandon, due, nextDueAtMs, settle, step } from '../../detect/detector.ts';
import { createDetector, type Detector, type DetectorSettings } from '../../detect/detector-state.ts';
import type { PendingPickup } from '../../detect/pending-pickups.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isNoSuchEntry, KernelError, kernelError } from '../../kernel/errors.ts';
import { type EventSocket, openEventSocket } from '../../kernel/event-socket.ts';
import { openRequestSocket, type RequestSocket } from '../../kernel/request-socket.ts';
import { getEntryRequest } from '../../kernel/requests.ts';
import {
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../lib/ctnetlink.ts';
import type { Datagram } from '../../model/datagram.ts';
import type { Finding } from '../../model/finding.ts';
import type { Tuple } from '../../model/flow.ts';
import type { FlowEvent } from '../../model/flow-event.ts';

const EVERY_GROUP = [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY];
/** Deadlines closer together than this are served by one waking up. */
const TIMER_GRAIN_MS = 20;
/** How soon after an event it is looked whether others were lost: that happens only when many come. */
const DROPS_CHECK_MS = 250;
/** What stopping may take to decide what is pending. */
const STOP_MS = 1000;
/** An address from the range for documentation (RFC 5737), to ask the kernel for an entry it cannot have. */
const NO_CONNECTION: Tuple = { src: '192.0.2.1', sport: 1, dst: '192.0.2.2', dport: 1 };

export interface FlowWatchOptions {
  readonly clock: Clock;
  readonly receiveBufferBytes: number;
  readonly detector: DetectorSettings;
  /** No filter, and updates too: every event there is, for people to look at. The findings are the same. */
  readonly everything?: boolean;
  readonly onFinding: (finding: Finding) => void;
  /** Called for every conntrack event that passed the filter, before its findings. */
  readonly onEvent: (event: FlowEvent) => void;
  /** Called where the kernel dropped events, between those before and after. */
  readonly onLost?: (lost: number) => void;
  /** Called when events were found to be lost. */
  readonly onEventsLost: () => void;
  readonly onMalformed: (reason: Extract<Message, { kind: 'malformed' }>['reason']) => void;
}

/** Kernel, decoder and detector joined: the part of the data path that turns datagrams into findings. */
export interface FlowWatch {
  readonly detector: Detector;
  readonly receiveBufferBytes: number;
  /** Events the kernel could not queue so far. Tells the detector when there are more. Undefined: not to be read. */
  eventsLost(): number | undefined;
  /** Whether the kernel has no such TCP entry. Undefined: it did not answer. */
  isGone(zone: number, original: Tuple): Promise<boolean | undefined>;
  /** Decides what can be decided at once, gives up the rest, and closes everything. Takes at most a second. */
  stop(): Promise<{ readonly decided: number; readonly undecided: number }>;
}

/** Subscribes. Throws a KernelError; then nothing is left open. */
export async function watchFlows(options: FlowWatchOptions): Promise<FlowWatch> {
  const { clock } = options;
  const detector = createDetector(options.detector);
  const requests = openRequestSocket(clock);
  let timer: NodeJS.Timeout | undefined;
  let events: EventSocket;
  let dropsTimer: NodeJS.Timeout | undefined;
  let lostBefore = 0;
  let stopping = false;

  const report = (findings: readonly Finding[]) => {
    for (const finding of findings) options.onFinding(finding);
  };
  const onDatagram = (datagram: Datagram) => {
    for (const message of decodeDatagram(datagram)) {
      if (message.kind === 'malformed') options.onMalformed(message.reason);
      if (message.kind !== 'flow') continue;
      options.onEvent(message.event);
      report(step(detector, message.event, clock.monotonicMs()));
    }
    schedule();
    dropsTimer ??= setTimeout(() => {
      dropsTimer = undefined;
      if (stopping) return;
      eventsLost();
      events.tellLost();
    }, DROPS_CHECK_MS);
  };
  const schedule = () => {
    if (stopping || timer || detector.pending.size === 0) return;
    const next = nextDueAtMs(detector);
    if (next === undefined) return;
    timer = setTimeout(onTimer, Math.max(0, next - clock.monotonicMs()) + TIMER_GRAIN_MS);
  };
  const onTimer = () => {
    timer = undefined;
    const asked = due(detector, clock.monotonicMs()).map(async (pending) => {
      const answer = await askFor(requests, pending);
      if (answer === 'absent') eventsLost();
      report(settle(detector, pending, answer, clock.monotonicMs()));
    });
    void Promise.all(asked).then(schedule);
    schedule();
  };
  const eventsLost = () => {
    const lost = events.drops();
    // Not to be told is not to be sure.
    if (lost === undefined || lost !== lostBefore) detector.eventsLostAtMs = clock.monotonicMs();
    if (lost !== undefined && lost !== lostBefore) {
      lostBefore = lost;
      options.onEventsLost();
    }
    return lost;
  };

  try {
    await probe(requests);
    const { receiveBufferBytes, onLost } = options;
    const unfiltered = options.everything && { filter: undefined, groups: EVERY_GROUP };
    events = openEventSocket({ receiveBufferBytes, clock, onDatagram, onLost, ...unfiltered });
  } catch (error) {
    requests.close();
    throw error;
  }
  return {
    detector,
    receiveBufferBytes: events.receiveBufferBytes,
    eventsLost,
    isGone: async (zone, original) => {
      const answer = await ask(requests, zone, original);
      return answer === 'no_answer' ? undefined : answer === 'absent';
    },
    stop: async () => {
      stopping = true;
      clearTimeout(timer);
      clearTimeout(dropsTimer);
      events.close();
      const before = detector.pending.size;
      await Promise.race([decideNow(detector, requests, report, clock), wait(STOP_MS)]);
      const undecided = detector.pending.size;
      report(abandon(detector, clock.monotonicMs()));
      requests.close();
      return { decided: before - undecided, undecided };
    },
  };
}

/** Asks for what is pending before its time. A reply decides; its absence does not, as the window was not over. */
async function decideNow(
  detector: Detector,
  requests: RequestSocket,
  report: (findings: readonly Finding[]) => void,
  clock: Clock,
): Promise<void> {
  const asked = [...detector.pending.values()].map(async (pending) => {
    const answer = await askFor(requests, pending);
    if (typeof answer === 'object' && answer.seenReply) {
      report(settle(detector, pending, answer, clock.monotonicMs()));
    }
  });
  await Promise.all(asked);
}

function askFor(requests: RequestSocket, { pickup }: PendingPickup): Promise<Answer> {
  return ask(requests, pickup.zone, pickup.original);
}

async function ask(requests: RequestSocket, zone: number, original: Tuple): Promise<Answer> {
  const datagram = await requests.ask((sequence) => getEntryRequest(sequence, zone, original));
  const message = datagram && decodeDatagram(datagram)[0];
  if (message?.kind === 'flow') return message.event;
  return message?.kind === 'error' && isNoSuchEntry(message.errno) ? 'absent' : 'no_answer';
}

/** A kernel with ctnetlink, asked with the right to ask, answers that there is no such entry. */
async function probe(requests: RequestSocket): Promise<void> {
  const datagram = await requests.ask((sequence) => getEntryRequest(sequence, 0, NO_CONNECTION));
  const message = datagram && decodeDatagram(datagram)[0];
  if (!message) throw new KernelError('socket', 'asking the kernel for a conntrack entry: no answer');
  if (message.kind === 'error' && !isNoSuchEntry(message.errno)) {
    throw kernelError('asking the kernel for a conntrack entry', message.errno);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
