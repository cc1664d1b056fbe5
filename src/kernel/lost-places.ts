/** What the kernel says of a socket's receive queue (SO_MEMINFO). */
export interface QueueState {
  /** Memory that the queued messages take, as the kernel counts it. */
  readonly queuedBytes: number;
  /** Messages that found no room since the socket was opened. */
  readonly drops: number;
}

/** What fewer messages took of the queue says little of what one takes. */
const ENOUGH_TO_LEARN = 32;
/**
 * What one event takes of the receive buffer: a socket buffer of 1 KiB and its 256 bytes of bookkeeping; seen on Linux
 * 6.18. Where it is more, that is learned from the queue itself.
 */
const USUAL_EVENT_BYTES = 1280;

/**
 * Finds the places in a stream of messages where the kernel dropped some. It only counts drops; but it drops what finds
 * the queue full, and the queue keeps its order: so what was dropped between two looks comes after everything that was
 * queued at the second one, and the reader tells of it when it has read that far.
 */
export interface LostPlaces {
  /** To be called before each message is handed on; how many were lost just before it, mostly 0. */
  beforeMessage(): number;
  /** To be called when everything that was taken from the queue has been handed on; the oftener, the exacter. */
  afterLot(): void;
  /** To be called when the queue may be empty: what was lost before that and has no message after it. */
  whenQuiet(): number;
  /** Nothing more is read: everything lost that was not told yet. */
  atEnd(): number;
}

/** `look` returns undefined if the queue cannot be looked at. */
export function createLostPlaces(look: () => QueueState | undefined): LostPlaces {
  const places: { readonly afterMessage: number; readonly lost: number }[] = [];
  let read = 0;
  let known = 0;
  let eventBytes = USUAL_EVENT_BYTES;
  let before: { readonly read: number; readonly queuedBytes: number } | undefined;

  const lookNow = (): QueueState | undefined => {
    const state = look();
    if (!state) return undefined;
    const { queuedBytes, drops } = state;
    // What was read left the queue; what came meanwhile can only make the difference smaller.
    if (before && read - before.read >= ENOUGH_TO_LEARN) {
      eventBytes = Math.max(eventBytes, (before.queuedBytes - queuedBytes) / (read - before.read));
    }
    before = { read, queuedBytes };
    if (drops > known) {
      places.push({ afterMessage: read + Math.round(queuedBytes / eventBytes), lost: drops - known });
      known = drops;
    }
    return state;
  };
  const reached = (position: number) => {
    let lost = 0;
    while (places[0] && places[0].afterMessage <= position) lost += places.shift()!.lost;
    return lost;
  };

  return {
    beforeMessage() {
      const lost = places.length === 0 ? 0 : reached(read);
      read++;
      return lost;
    },
    afterLot: () => void lookNow(),
    whenQuiet() {
      const state = lookNow();
      return reached(state?.queuedBytes === 0 ? Number.POSITIVE_INFINITY : read);
    },
    atEnd() {
      lookNow();
      return reached(Number.POSITIVE_INFINITY);
    },
  };
}
