import { setTimeout } from 'node:timers/promises';
import { createLab, type Lab } from '../src/lab/lab.ts';
import { exec } from '../src/lab/namespace.ts';
import { type Peer, startPeer } from '../src/lab/peer.ts';
import { startServers } from '../src/lab/servers.ts';

/** Fewer failed connections than this share are the machine's trouble, not the comparison's. */
const MOST_FAILED = 0.01;
const CONCURRENCY = 128;
/** So many at once between two progress lines. */
const PORTION = 20_000;
/** The last packets of a closed connection are still on their way for a moment. */
const LAST_PACKETS_MS = 30;
/** Short, so that the entries of connections that are over do not fill the table (262144 for the machine). */
const TIME_WAIT_SECONDS = 1;

/** A lab in which short connections pass the DNAT of a Service. */
export interface Traffic {
  readonly lab: Lab;
  /** A peer in the node's namespace. */
  readonly scraper: Peer;
  /** Opens, uses and closes so many connections; resolves when all are over. */
  pass(connections: number, onProgress?: (done: number) => void): Promise<void>;
  /** Lets the entries of all that passed expire and be collected, as the kernel does it by and by. */
  letExpire(): Promise<void>;
}

export async function createTraffic(): Promise<Traffic> {
  const lab = await createLab({
    family: 4,
    rules: 'iptables',
    backends: 2,
    clientAddresses: 8,
    timeouts: { timeWait: TIME_WAIT_SECONDS, close: TIME_WAIT_SECONDS },
  });
  try {
    const host = lab.clients[0]!;
    const [client, scraper] = await Promise.all([startPeer(host), startPeer(lab.node), startServers(lab)]);
    const target = { host: lab.service.ip, port: lab.service.port, localAddresses: host.addresses };
    const passPortion = async (count: number) => {
      const { failed, firstError } = await client.churn({ ...target, count, concurrency: CONCURRENCY });
      if (failed > count * MOST_FAILED)
        throw new Error(`${failed} of ${count} connections failed: ${firstError}`);
    };
    return {
      lab,
      scraper,
      async pass(connections, onProgress) {
        for (let done = 0; done < connections; ) {
          const count = Math.min(PORTION, connections - done);
          await passPortion(count);
          done += count;
          onProgress?.(done);
        }
        await setTimeout(LAST_PACKETS_MS);
      },
      async letExpire() {
        await setTimeout(TIME_WAIT_SECONDS * 1000 + 500);
        // Whoever walks over an expired entry removes it, and a dump walks over all.
        await exec(lab.node, 'sh', ['-c', 'conntrack -L >/dev/null 2>&1']);
      },
    };
  } catch (error) {
    await lab.close();
    throw error;
  }
}
