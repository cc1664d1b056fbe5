/**
 * A small assembler for classic BPF socket filters: named instructions, labels instead of counted jumps.
 * Source: linux/bpf_common.h, linux/filter.h (opcodes, SKF_AD_*), net/core/filter.c (bpf_skb_get_nlattr).
 */

/** Ancillary loads: below this offset the kernel does not read the packet but computes something. */
const SKF_AD_OFF = 0xfffff000;
const SKF_AD_NLATTR = 12;
const SKF_AD_NLATTR_NEST = 16;

const BPF_LD_IMM = 0x00;
const BPF_LDX_IMM = 0x01;
const BPF_LD_W_ABS = 0x20;
const BPF_LD_W_IND = 0x40;
const BPF_LD_B_ABS = 0x30;
const BPF_LD_B_IND = 0x50;
const BPF_JMP_JA = 0x05;
const BPF_JMP_JEQ_K = 0x15;
const BPF_JMP_JGT_K = 0x25;
const BPF_JMP_JGE_K = 0x35;
const BPF_JMP_JSET_K = 0x45;
const BPF_RET_K = 0x06;
const BPF_MISC_TAX = 0x07;

const MAX_JUMP = 255;

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** Labels to go to when the comparison holds, and when not; undefined is the next instruction. */
  readonly ifTrue?: string;
  readonly ifFalse?: string;
}
interface Label {
  readonly label: string;
}
export type Statement = Instruction | Label;

export const label = (name: string): Label => ({ label: name });

/** A = the byte at a fixed offset of the message. */
export const loadByte = (offset: number): Instruction => ({ code: BPF_LD_B_ABS, k: offset });
/** A = the byte, or the big-endian word, at X + offset. */
export const loadByteAtX = (offset: number): Instruction => ({ code: BPF_LD_B_IND, k: offset });
export const loadWordAtX = (offset: number): Instruction => ({ code: BPF_LD_W_IND, k: offset });
/** X = A. */
export const moveToX = (): Instruction => ({ code: BPF_MISC_TAX, k: 0 });
/** A = offset of the first attribute of this type at or after `offset`, 0 if there is none. */
export const findAttribute = (type: number, offset: number): Instruction[] => [
  { code: BPF_LD_IMM, k: offset },
  { code: BPF_LDX_IMM, k: type },
  { code: BPF_LD_W_ABS, k: SKF_AD_OFF + SKF_AD_NLATTR },
];
/** A = offset of the attribute of this type inside the attribute that A points at, 0 if there is none. */
export const findNested = (type: number): Instruction[] => [
  { code: BPF_LDX_IMM, k: type },
  { code: BPF_LD_W_ABS, k: SKF_AD_OFF + SKF_AD_NLATTR_NEST },
];
export const jump = (to: string): Instruction => ({ code: BPF_JMP_JA, k: 0, ifTrue: to });
export const ifEqual = (k: number, to: string): Instruction => ({ code: BPF_JMP_JEQ_K, k, ifTrue: to });
export const ifNotEqual = (k: number, to: string): Instruction => ({ code: BPF_JMP_JEQ_K, k, ifFalse: to });
export const ifAbove = (k: number, to: string): Instruction => ({ code: BPF_JMP_JGT_K, k, ifTrue: to });
export const ifBelow = (k: number, to: string): Instruction => ({ code: BPF_JMP_JGE_K, k, ifFalse: to });
export const ifAnyBit = (k: number, to: string): Instruction => ({ code: BPF_JMP_JSET_K, k, ifTrue: to });
/** Ends the program: how many bytes of the message to keep, 0 to drop it. */
export const give = (bytes: number): Instruction => ({ code: BPF_RET_K, k: bytes });

/** Throws if a label is unknown, given twice, behind its jump, or too far away. Jumps only go forward. */
export function assemble(program: readonly (Statement | readonly Statement[])[]): Uint8Array {
  const statements = program.flat() as Statement[];
  const labels = new Map<string, number>();
  const instructions: Instruction[] = [];
  for (const statement of statements) {
    if (!('label' in statement)) instructions.push(statement);
    else if (labels.has(statement.label)) throw new Error(`label ${statement.label} stands twice`);
    else labels.set(statement.label, instructions.length);
  }
  // struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, k, ifTrue, ifFalse }] of instructions.entries()) {
    const distance = (to: string | undefined) => (to === undefined ? 0 : distanceTo(labels, to, index));
    const always = code === BPF_JMP_JA;
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, always ? 0 : distance(ifTrue));
    view.setUint8(index * 8 + 3, distance(ifFalse));
    view.setUint32(index * 8 + 4, always ? distance(ifTrue) : k, true);
  }
  return bytes;
}

function distanceTo(labels: ReadonlyMap<string, number>, to: string, from: number): number {
  const target = labels.get(to);
  if (target === undefined) throw new Error(`no label ${to}`);
  const distance = target - from - 1;
  if (distance < 0 || distance > MAX_JUMP) throw new Error(`label ${to} is ${distance} instructions away`);
  return distance;
}
