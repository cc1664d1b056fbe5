import { shortDuration } from '../../lib/short-duration.ts';
import type { NamedPickup } from '../../model/named-finding.ts';
import { lossEvidence } from '../loss-evidence.ts';

/** A moment in the life of a broken connection. What is not known has no time. */
export interface Moment {
  readonly label: string;
  readonly atMs: number | undefined;
}

/** The life of a broken connection in five moments, as far as it is known, and the spans between them in words. */
export interface Timeline {
  readonly established: Moment;
  readonly lastPacket: Moment;
  readonly lost: Moment;
  readonly pickedUp: Moment;
  readonly end: Moment;
  readonly idle: string;
  readonly withoutEntry: string;
  readonly untilEnd: string;
  readonly oldEntry: string;
  readonly newEntry: string;
}

export function timelineOf(pickup: NamedPickup): Timeline {
  const { idleSeconds, lostAtMs, pickedUpAtMs, verdictAfterMs, verdict } = pickup;
  const { destroy, snapshot } = lossEvidence(pickup);
  const idleMs = idleSeconds === undefined ? undefined : idleSeconds * 1000;
  const startedAtMs = (destroy ?? snapshot)?.startedAtMs;
  // Entry and packet can be told in the wrong order by clocks of different grain.
  const gapMs = lostAtMs === undefined ? undefined : Math.max(0, pickedUpAtMs - lostAtMs);
  return {
    established: { label: startedAtMs === undefined ? 'established ?' : 'established', atMs: startedAtMs },
    lastPacket: {
      label: idleMs === undefined ? 'last packet ?' : 'last packet',
      atMs: idleMs === undefined ? undefined : pickedUpAtMs - idleMs,
    },
    lost: { label: lostAtMs === undefined ? 'entry lost ?' : 'entry lost', atMs: lostAtMs },
    pickedUp: { label: 're-picked', atMs: pickedUpAtMs },
    end: { label: verdict, atMs: pickedUpAtMs + verdictAfterMs },
    idle: idleMs === undefined ? 'idle for an unknown time' : `idle ${shortDuration(idleMs)}`,
    withoutEntry: gapMs === undefined ? 'gone' : `gone ${shortDuration(gapMs)}`,
    untilEnd: shortDuration(verdictAfterMs),
    oldEntry: 'entry to the old backend',
    newEntry: newEntryText(pickup),
  };
}

function newEntryText({ sender, mapping }: NamedPickup): string {
  if (sender === 'server') return 'untranslated';
  switch (mapping) {
    case 'backend_changed':
      return 'new backend';
    case 'source_changed':
      return 'new source port';
    case 'none':
      return 'no backend';
    case 'same':
      return 'same backend';
    case 'unknown':
      return 'some backend';
  }
}
