import type { Lab, Server } from './lab.ts';
import { type Peer, startPeer } from './peer.ts';

/** One echo server in each server pod, listening where the Service expects it; same order as `lab.servers`. */
export function startServers(lab: Lab): Promise<Peer[]> {
  return Promise.all(
    lab.servers.map(async (server: Server) => {
      const peer = await startPeer(server);
      await peer.listen({ host: server.ip, port: server.port });
      return peer;
    }),
  );
}
