/**
 * The chains in the rules of a table of iptables-legacy, as the kernel gives them out. Headers:
 * linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h, linux/netfilter/x_tables.h.
 */

/** Where struct ipt_entry and struct ip6t_entry have target_offset; next_offset is behind it, both u16 in host order. */
const TARGET_OFFSET = { 4: 88, 6: 140 } as const;
/** struct xt_entry_target: target_size u16, name char[29], revision u8; what the target knows comes after. */
const TARGET_NAME = 2;
const TARGET_HEADER = 32;
/** XT_ERROR_TARGET: with it a chain of one's own begins; its name is what the target knows. */
const CHAIN_BEGINS = 'ERROR';
const LONGEST_NAME = 32;

/** Names of the chains, without the built-in ones. What makes no sense ends it. */
export function readLegacyChains(entries: Uint8Array, family: 4 | 6): string[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const at = TARGET_OFFSET[family];
  const names: string[] = [];
  for (let entry = 0; entry + at + 4 <= entries.length; ) {
    const target = entry + view.getUint16(entry + at, true);
    const next = entry + view.getUint16(entry + at + 2, true);
    if (next <= entry + at || target + TARGET_HEADER > next || next > entries.length) break;
    if (textAt(entries, target + TARGET_NAME) === CHAIN_BEGINS) {
      names.push(textAt(entries, target + TARGET_HEADER));
    }
    entry = next;
  }
  // The last entry of a table ends it, with the name of the target for a name.
  return names.filter((name) => name !== CHAIN_BEGINS);
}

function textAt(bytes: Uint8Array, at: number): string {
  const piece = bytes.subarray(at, at + LONGEST_NAME);
  const end = piece.indexOf(0);
  return Buffer.from(end === -1 ? piece : piece.subarray(0, end)).toString('latin1');
}
