import type { NamedPickup } from '../model/named-finding.ts';
import {
  type EventCount,
  type EventSubject,
  type PodRef,
  seriesKey,
  subjectOf,
} from './kubernetes-event-object.ts';

/** A break that comes later than this after the one before begins a new Event: client-go, tools/events, finishTime. */
const SERIES_MS = 360_000;
const MAX_SERIES = 1000;

/** Breaks that are one Event. Times but those of EventCount are monotonic milliseconds. */
export interface Series extends EventCount {
  readonly key: string;
  readonly subject: EventSubject;
  count: number;
  lastAtMs: number;
  /** When the last break was added. */
  seenAtMs: number;
  /** `idle`: the server knows all of it. */
  state: 'idle' | 'waiting' | 'sending';
  /** The server has its Event. */
  isCreated: boolean;
  /** How many breaks the server knows of. */
  told: number;
  /** No request for it goes before. */
  dueMs: number;
  /** Since when something of it is to be told. */
  waitingSinceMs: number;
}

/** The series of the last minutes, a bounded number: the one used least recently makes room if it is idle. */
export class EventSeries {
  /** By key, the one used least recently at the front. */
  readonly #byKey = new Map<string, Series>();
  #sequence = 0;

  /** Counts a break. Undefined if there is no room for it. `note` is asked for the first of a series only. */
  add(pod: PodRef, pickup: NamedPickup, nowMs: number, note: () => string): Series | undefined {
    const key = seriesKey(pod, pickup);
    const known = this.#byKey.get(key);
    const isOver = known?.state === 'idle' && nowMs - known.seenAtMs > SERIES_MS;
    if (known && !isOver) {
      known.count++;
      known.lastAtMs = Math.max(known.lastAtMs, pickup.pickedUpAtMs);
      known.seenAtMs = nowMs;
      this.#put(known);
      return known;
    }
    if (!known && !this.#makeRoom()) return undefined;
    const series: Series = {
      key,
      subject: subjectOf(pod, pickup, note(), this.#sequence++),
      count: 1,
      lastAtMs: pickup.pickedUpAtMs,
      seenAtMs: nowMs,
      state: 'idle',
      isCreated: false,
      told: 0,
      dueMs: nowMs,
      waitingSinceMs: nowMs,
    };
    this.#put(series);
    return series;
  }

  /** The next break like it begins anew. */
  forget({ key }: Series): void {
    this.#byKey.delete(key);
  }

  #put(series: Series): void {
    this.#byKey.delete(series.key);
    this.#byKey.set(series.key, series);
  }

  #makeRoom(): boolean {
    if (this.#byKey.size < MAX_SERIES) return true;
    const [oldest] = this.#byKey.values();
    if (oldest?.state !== 'idle') return false;
    this.#byKey.delete(oldest.key);
    return true;
  }
}
