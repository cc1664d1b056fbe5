import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { spawnIn } from '../../src/lab/namespace.ts';
import type { ApiObject } from './api-objects.ts';
import type { ApiServerOptions } from './api-server-process.ts';
import { makeCertificates } from './certificates.ts';
import { kubeconfigText } from './kubeconfig.ts';

export const PORT = 16_443;
const SERVER = join(import.meta.dirname, 'api-server-process.ts');

/** The lab's objects, with this name for the workload of the client pod. */
export function objectsOf(lab: Lab, client: string): ApiServerOptions['objects'] {
  const renamed = JSON.stringify(demoTopology(lab))
    .replaceAll('demo-node', 'node-1')
    .replaceAll('checkout', client);
  const { items } = JSON.parse(renamed) as { items: ApiObject[] };
  const of = (kind: string) => items.filter((item) => item.kind === kind);
  return { services: of('Service'), endpointslices: of('EndpointSlice'), pods: of('Pod') };
}

/** Starts an API server in the node's namespace; returns what kills it. */
export async function startServer(lab: Lab, options: ApiServerOptions): Promise<() => Promise<void>> {
  const child = spawnIn(lab.node, process.execPath, [SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin!.end(JSON.stringify(options));
  await once(child.stdout!, 'data');
  return async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
}

/** What a server and its client need; the server may come later, or never. */
export function apiAccess(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificates = makeCertificates();
  const tokenFile = join(folder, 'token');
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(tokenFile, 'secret\n');
  writeFileSync(
    kubeconfig,
    kubeconfigText({ server: `https://127.0.0.1:${PORT}`, ca: certificates.ca, tokenFile }),
  );
  return { kubeconfig, certificates };
}
