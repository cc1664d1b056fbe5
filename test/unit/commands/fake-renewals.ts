/** A kernel with TCP entries, for tests of what renews them; its own reading and writing of messages. */
import type { RenewalSocket } from '../../../src/kernel/renewal-socket.ts';
import {
  attributesOf,
  messagesOf,
  netfilterBody,
  type ReadTuple,
  tupleOf,
} from '../../support/netlink-messages.ts';
import { dumpMessage, type EntrySpec, errorMessage } from '../../support/packets.ts';

const ENOENT = 2;

export type FakeEntry = Omit<EntrySpec, 'type'>;

export interface FakeRenewals extends RenewalSocket {
  /** By the port of the client: `entry` is what is there; the others are what the kernel does instead. */
  readonly entries: Map<number, FakeEntry | { readonly errno: number } | 'silent' | 'short'>;
  /** What is refused in the update, by the client's port. 0: no word. */
  readonly refused: Map<number, number>;
  /** Each call of `ask` and `renew`, with the ports it was about. */
  readonly asked: (readonly number[])[];
  readonly renewed: { readonly ports: readonly number[]; readonly timeoutSeconds: number }[];
  isClosed: boolean;
}

export function fakeRenewals(): FakeRenewals {
  const portOf = ({ dport }: ReadTuple) => dport;
  const fake: FakeRenewals = {
    entries: new Map(),
    refused: new Map(),
    asked: [],
    renewed: [],
    isClosed: false,
    ask(questions, onAnswer) {
      const ports: number[] = [];
      for (const { type, flags, sequence, body } of messagesOf(Buffer.from(questions))) {
        if (type !== 0x101 || flags !== 1) throw new Error(`asked by type ${type}, flags ${flags}`);
        const { sport } = tupleOf(netfilterBody(body).attributes[0]!.value);
        ports.push(sport);
        const entry = fake.entries.get(sport) ?? { errno: ENOENT };
        if (entry === 'silent') continue;
        if (entry === 'short') onAnswer(dumpMessage(cutShort, sequence).subarray(0, 60));
        else if ('errno' in entry) onAnswer(errorMessage(sequence, -entry.errno));
        else onAnswer(dumpMessage(entry, sequence));
      }
      fake.asked.push(ports);
    },
    renew(entries, timeoutSeconds, onRefused) {
      const ports = entries.map(({ attributes }) =>
        portOf(tupleOf(attributesOf(Buffer.from(attributes))[0]!.value)),
      );
      fake.renewed.push({ ports, timeoutSeconds });
      for (const [i, port] of ports.entries()) {
        const errno = fake.refused.get(port);
        if (errno !== undefined) onRefused(i, errno);
      }
    },
    close() {
      fake.isClosed = true;
    },
  };
  return fake;
}

const cutShort: FakeEntry = {
  original: ['10.0.0.1', 1, '10.0.0.2', 2],
  reply: ['10.0.0.3', 3, '10.0.0.1', 1],
  status: 0x1ae,
};
