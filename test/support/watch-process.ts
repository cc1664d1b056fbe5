/**
 * Watches the cluster that it runs in, as a pod does, and says what it learns, a line of JSON each. A number on stdin
 * moves its clock forward by so many milliseconds; it ends with its stdin.
 */
import { createInterface } from 'node:readline';
import { watchCluster } from '../../src/enrich/watch.ts';

let skippedMs = 0;
const RealDate = Date;
/** The Kubernetes client looks at the wall clock to know how old a token is. */
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) =>
    new target(...((args.length ? args : [RealDate.now() + skippedMs]) as [number])),
});

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
try {
  const watch = watchCluster({
    kubeconfig: undefined,
    nodeName: 'node-a',
    nowMs: () => performance.now() + skippedMs,
    onSynced: (synced) => say({ synced }),
    onProblem: ({ what, reason }) => say({ problem: `${what}: ${reason}` }),
    onServices: () => say({ services: [...watch.services()].map(({ name }) => name) }),
    timing: { backoffMinMs: 5, backoffMaxMs: 50 },
  });
  for await (const line of createInterface({ input: process.stdin })) {
    skippedMs += Number(line);
    say({ skippedMs });
  }
  await watch.stop();
} catch (error) {
  say({ error: String(error) });
}
