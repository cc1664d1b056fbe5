import { endpointText } from '../lib/endpoint-text.ts';
import type { Cause } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';

/** More Services than a cluster has; beyond that new ones are not learned. */
const CAPACITY = 16_384;

/**
 * Service addresses of which a pickup has shown that IPVS serves them. The kernel's messages tell IPVS by a status bit;
 * text does not have it, and the loss of an entry looks there as if the kernel had removed it early.
 */
export class IpvsServices {
  readonly #addresses = new Set<string>();

  /** `pickup`: of a connection that IPVS forgot. */
  learn({ dstNat, original: { dst, dport } }: FlowEvent): void {
    if (dstNat === undefined && this.#addresses.size < CAPACITY)
      this.#addresses.add(endpointText(dst, dport));
  }

  /** The cause of a loss, better than its DESTROY alone tells it. */
  causeOf<C extends Cause>({ dstNat, original: { dst, dport } }: FlowEvent, cause: C): C | 'ipvs' {
    if (cause !== 'kernel' || dstNat !== undefined || this.#addresses.size === 0) return cause;
    return this.#addresses.has(endpointText(dst, dport)) ? 'ipvs' : cause;
  }
}
