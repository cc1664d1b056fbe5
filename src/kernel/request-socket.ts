import type { Datagram } from '../model/datagram.ts';
import type { Clock } from './clock.ts';
import { openNetlinkSocket } from './netlink-socket.ts';

const ANSWER_DATAGRAM_BYTES = 4096;
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** The kernel answers within sendmsg(2), so unread answers pile up in the receive buffer: ask in small lots. */
const MAX_IN_FLIGHT = 64;
const ANSWER_TIMEOUT_MS = 1000;

/** Sends single requests to the kernel, on a socket of its own, and gives each its answer. */
export interface RequestSocket {
  /** The datagram that answers, an entry or an error; undefined if none came within a second. */
  ask(encode: (sequence: number) => Uint8Array): Promise<Datagram | undefined>;
  close(): void;
}

interface Waiting {
  readonly encode: (sequence: number) => Uint8Array;
  readonly resolve: (answer: Datagram | undefined) => void;
}

/** Throws a KernelError. */
export function openRequestSocket(clock: Clock): RequestSocket {
  const queue: Waiting[] = [];
  const inFlight = new Map<number, Waiting & { readonly timer: NodeJS.Timeout }>();
  let sequence = 0;

  const finish = (number: number, answer: Datagram | undefined) => {
    const waiting = inFlight.get(number);
    if (!waiting) return;
    inFlight.delete(number);
    clearTimeout(waiting.timer);
    waiting.resolve(answer);
    sendMore();
  };
  const socket = openNetlinkSocket({
    datagramBytes: ANSWER_DATAGRAM_BYTES,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    clock,
    onDatagram: (datagram) => finish(sequenceOf(datagram), datagram),
  });
  const sendMore = () => {
    while (inFlight.size < MAX_IN_FLIGHT) {
      const waiting = queue.shift();
      if (!waiting) return;
      sequence = (sequence + 1) >>> 0 || 1;
      const number = sequence;
      const timer = setTimeout(() => finish(number, undefined), ANSWER_TIMEOUT_MS);
      inFlight.set(number, { ...waiting, timer });
      // The answer, or its absence, tells how it went; a send that fails has none.
      socket.raw.send(waiting.encode(number), undefined, () => {});
    }
  };
  return {
    ask: (encode) =>
      new Promise((resolve) => {
        queue.push({ encode, resolve });
        sendMore();
      }),
    close: () => {
      for (const number of [...inFlight.keys()]) {
        clearTimeout(inFlight.get(number)?.timer);
        inFlight.get(number)?.resolve(undefined);
        inFlight.delete(number);
      }
      for (const waiting of queue.splice(0)) waiting.resolve(undefined);
      socket.close();
    },
  };
}

/** nlmsg_seq, which the kernel copies from the request. */
function sequenceOf({ bytes }: Datagram): number {
  if (bytes.length < 16) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(8, true);
}
