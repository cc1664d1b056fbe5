/** A chain of the packet filter. */
export interface RuleChain {
  readonly table: string;
  readonly name: string;
}
