import { readFileSync } from 'node:fs';
import { decodeDatagram } from '../../src/decode/datagram.ts';
import type { FlowEvent } from '../../src/model/flow-event.ts';

/** One recorded story: a heading and the datagrams the kernel sent, in order. */
export interface Capture {
  readonly heading: string;
  readonly datagrams: readonly Uint8Array[];
}

/** Reads test/fixtures/bytes/NAME: a `#` line opens a story, every other line is a datagram in hex. */
export function readCaptures(name: string): Capture[] {
  const text = readFileSync(new URL(`../fixtures/bytes/${name}`, import.meta.url), 'utf8');
  const captures: { heading: string; datagrams: Uint8Array[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('##') || line.trim() === '') continue;
    if (line.startsWith('#')) captures.push({ heading: line.slice(1).trim(), datagrams: [] });
    else captures.at(-1)!.datagrams.push(Buffer.from(line, 'hex'));
  }
  return captures;
}

/** Decodes a story; the datagrams arrive one millisecond apart. */
export function eventsOf({ datagrams }: Capture): FlowEvent[] {
  return datagrams.flatMap((bytes, index) =>
    decodeDatagram({ bytes, receivedAtMs: 1_795_000_000_000 + index }).map((message) => {
      if (message.kind !== 'flow') throw new Error(`datagram ${index} is ${JSON.stringify(message)}`);
      return message.event;
    }),
  );
}
