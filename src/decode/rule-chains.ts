import {
  NFGENMSG_LEN,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_NEWCHAIN,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from '../lib/ctnetlink.ts';
import type { RuleChain } from '../model/rule-chain.ts';
import { Attributes, Malformed } from './attributes.ts';

const CHAIN = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN;

/** How far an answer to NFT_MSG_GETCHAIN has come: `done`, `interrupted` by a change of the rules, or an errno. */
export type ChainsRead = 'more' | 'done' | 'interrupted' | { readonly errno: number };

/** Reads one datagram of the answer. A message that makes no sense is left out. */
export function readRuleChains(bytes: Uint8Array, onChain: (chain: RuleChain) => void): ChainsRead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) return 'interrupted';
    const type = view.getUint16(at + 4, true);
    const payload = at + NLMSG_HDRLEN;
    if (view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) return 'interrupted';
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      const errno = length < NLMSG_HDRLEN + 4 ? 0 : Math.max(0, -view.getInt32(payload, true));
      return errno === 0 ? 'done' : { errno };
    }
    if (type === CHAIN) readChain(bytes, payload + NFGENMSG_LEN, at + length, onChain);
    at += (length + 3) & ~3;
  }
  return 'more';
}

function readChain(bytes: Uint8Array, start: number, end: number, onChain: (chain: RuleChain) => void): void {
  let [table, name] = ['', ''];
  try {
    const attributes = new Attributes(bytes, start, end);
    while (attributes.advance()) {
      if (attributes.type === NFTA_CHAIN_TABLE) table = attributes.text();
      if (attributes.type === NFTA_CHAIN_NAME) name = attributes.text();
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return;
  }
  if (name !== '') onChain({ table, name });
}
