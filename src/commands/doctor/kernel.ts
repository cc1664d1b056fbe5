import { decodeDatagram } from '../../decode/datagram.ts';
import { readLegacyChains } from '../../decode/legacy-chains.ts';
import { type ChainsRead, readRuleChains } from '../../decode/rule-chains.ts';
import { EntryCounts } from '../../doctor/entry-counts.ts';
import type { Clock } from '../../kernel/clock.ts';
import { openDump } from '../../kernel/dump-socket.ts';
import { isNoSuchEntry, KernelError, kernelError } from '../../kernel/errors.ts';
import { hasNftables } from '../../kernel/kernel-symbols.ts';
import { readLegacyNat } from '../../kernel/legacy-tables.ts';
import { dumpChainsRequest, dumpEntriesRequest, getEntryRequest } from '../../kernel/requests.ts';
import type { Tuple } from '../../model/flow.ts';
import type { RuleChain } from '../../model/rule-chain.ts';
import { createBreather } from '../table/breather.ts';
import { readTable } from '../table/read-table.ts';

/** An address from the range for documentation (RFC 5737), to ask the kernel for an entry it cannot have. */
const NO_CONNECTION: Tuple = { src: '192.0.2.1', sport: 1, dst: '192.0.2.2', dport: 1 };
const TURN_MS = 3;
/** A dump of the rules that was interrupted by a change is made anew, a few times. */
const ATTEMPTS = 5;

/** Asks for an entry. Undefined if the kernel answered as it should, else why not. */
export function probeCtnetlink(): KernelError | undefined {
  const attempt = 'asking the kernel for a conntrack entry';
  try {
    const dump = openDump(getEntryRequest(1, 0, NO_CONNECTION));
    try {
      let result: KernelError | undefined = new KernelError('socket', `${attempt}: no answer`);
      // The kernel has answered by the time that the question was sent.
      dump.receive((bytes) => {
        const [message] = decodeDatagram({ bytes, receivedAtMs: 0 });
        if (message?.kind === 'flow') result = undefined;
        if (message?.kind !== 'error') return;
        result = isNoSuchEntry(message.errno) ? undefined : kernelError(attempt, message.errno);
      });
      return result;
    } finally {
      dump.close();
    }
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
}

/** Counts the entries of the table. Throws a KernelError. */
export async function countEntries(clock: Clock, stop: AbortSignal): Promise<EntryCounts> {
  const counts = new EntryCounts();
  const read = await readTable({
    request: (sequence) => dumpEntriesRequest(sequence, false),
    visitor: { onRow: (row) => counts.add(row), onMalformed: () => {} },
    onPart: () => {},
    breather: createBreather(TURN_MS, clock.monotonicMs),
    nowMs: clock.monotonicMs,
    stop,
  });
  if (read.result === 'failed') throw read.error;
  return counts;
}

/** The chains of all rules, as far as they can be read, and why some cannot. */
export function readChains(proc: string): {
  readonly chains: RuleChain[];
  readonly problem: string | undefined;
} {
  const chains: RuleChain[] = [];
  let problem: string | undefined;
  for (const read of [dumpChains, readLegacyChainsOf(4), readLegacyChainsOf(6)]) {
    try {
      // One by one: there are more than a call may have arguments.
      for (const chain of read(proc)) chains.push(chain);
    } catch (error) {
      problem ??= (error as Error).message;
    }
  }
  return { chains, problem };
}

function readLegacyChainsOf(family: 4 | 6) {
  return (proc: string): RuleChain[] => {
    const entries = readLegacyNat(proc, family);
    return entries ? readLegacyChains(entries, family).map((name) => ({ table: 'nat', name })) : [];
  };
}

/** Those of nftables and iptables-nft. */
function dumpChains(proc: string): RuleChain[] {
  const isThere = hasNftables(proc);
  if (isThere === undefined)
    throw new Error('whether the kernel has nftables cannot be told from /proc/kallsyms');
  if (!isThere) return [];
  for (let attempt = 1; ; attempt++) {
    const chains: RuleChain[] = [];
    const end = dumpOnce(chains);
    if (end === 'done') return chains;
    if (typeof end === 'object') throw kernelError('asking nftables for its chains', end.errno);
    if (attempt === ATTEMPTS) throw new Error('the rules changed each time they were read');
  }
}

function dumpOnce(chains: RuleChain[]): ChainsRead {
  const dump = openDump(dumpChainsRequest(1));
  try {
    let state: ChainsRead = 'more';
    let parts = 1;
    while (state === 'more' && parts > 0) {
      parts = dump.receive((bytes) => {
        state = readRuleChains(bytes, (chain) => chains.push(chain));
      });
    }
    return state;
  } finally {
    dump.close();
  }
}
