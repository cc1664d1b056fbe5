import type { Tuple } from '../../src/model/flow.ts';
import type { FlowEvent } from '../../src/model/flow-event.ts';

/** The story most tests tell: a client pod, a Service, and three backends. */
export const CLIENT = '10.244.1.7';
export const SERVICE = '10.96.0.10';
export const BACKENDS = ['10.244.2.1', '10.244.2.2', '10.244.2.3'] as const;
export const [A, B, C] = BACKENDS;
const PORT = 40001;

/** Client to Service, as the client sees it. */
export function originalTuple(sport: number = PORT): Tuple {
  return { src: CLIENT, sport, dst: SERVICE, dport: 6379 };
}

/** Backend to client, as the backend sees it; `masquerade` is the address and port it sees instead. */
export function replyTuple(backend: string, sport: number = PORT, masquerade?: [string, number]): Tuple {
  const [dst, dport] = masquerade ?? [CLIENT, sport];
  return { src: backend, sport: 8080, dst, dport };
}

const base = {
  protocol: 6,
  zone: 0,
  original: originalTuple(),
  reply: replyTuple(A),
  dstNat: true,
  id: 1,
  portId: 0,
  atMs: 0,
} as const;

/** The entry of an open connection goes away; by default its time ran out. */
export function lost(change: Partial<FlowEvent> = {}): FlowEvent {
  return {
    ...base,
    type: 'destroy',
    tcpState: 'ESTABLISHED',
    seenReply: true,
    assured: true,
    status: 0x3ae,
    timeoutSeconds: undefined,
    ...change,
  };
}

/** A packet in the middle of the connection makes a new entry; by default to backend B. */
export function pickedUp(change: Partial<FlowEvent> = {}): FlowEvent {
  return {
    ...base,
    type: 'new',
    reply: replyTuple(B),
    tcpState: 'ESTABLISHED',
    seenReply: false,
    assured: false,
    status: 0x1a8,
    timeoutSeconds: 300,
    ...change,
  };
}

/** The picked-up entry ends with a reset. */
export function reset(change: Partial<FlowEvent> = {}): FlowEvent {
  return { ...pickedUp(change), type: 'destroy', tcpState: 'CLOSE', status: 0x3a8, ...change };
}

/** What the kernel answers when it is asked for a picked-up entry that got a reply. */
export function answered(change: Partial<FlowEvent> = {}): FlowEvent {
  return { ...pickedUp(change), type: 'update', seenReply: true, assured: true, status: 0x1ae, ...change };
}
