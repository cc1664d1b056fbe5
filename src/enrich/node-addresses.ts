interface Said {
  readonly node: string;
  readonly ips: readonly string[];
}

interface Standing {
  pods: number;
  /** Creation time of the newest pod that ever said so. */
  newest: string;
}

/**
 * The nodes' addresses as their pods tell them. Every pod of a node says the same, so claims are counted, not
 * kept: a change costs the same on a node with one pod and with a thousand. When two nodes are said to have one
 * address (a machine was replaced), the one where the newest pod started is believed.
 */
export class NodeAddresses {
  readonly #nodesByIp = new Map<string, Map<string, Standing>>();
  readonly #saidBy = new Map<string, Said>();

  get(ip: string): string | undefined {
    let best: string | undefined;
    let newest = '';
    for (const [node, standing] of this.#nodesByIp.get(ip) ?? []) {
      if (best !== undefined && standing.newest < newest) continue;
      best = node;
      newest = standing.newest;
    }
    return best;
  }

  /** Replaces what this pod said. `created` compares as text, later is greater. */
  set(pod: string, node: string, ips: readonly string[], created: string): void {
    this.delete(pod);
    for (const ip of ips) {
      const nodes = this.#nodesByIp.get(ip) ?? new Map<string, Standing>();
      const standing = nodes.get(node) ?? { pods: 0, newest: created };
      standing.pods += 1;
      if (created > standing.newest) standing.newest = created;
      nodes.set(node, standing);
      this.#nodesByIp.set(ip, nodes);
    }
    this.#saidBy.set(pod, { node, ips });
  }

  /** Forgets what this pod said. */
  delete(pod: string): void {
    const said = this.#saidBy.get(pod);
    if (!said) return;
    this.#saidBy.delete(pod);
    for (const ip of said.ips) {
      const nodes = this.#nodesByIp.get(ip)!;
      const standing = nodes.get(said.node)!;
      standing.pods -= 1;
      if (standing.pods === 0) nodes.delete(said.node);
      if (nodes.size === 0) this.#nodesByIp.delete(ip);
    }
  }
}
