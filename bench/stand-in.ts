import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../src/lab/lab.ts';
import { spawnIn } from '../src/lab/namespace.ts';
import { makeCertificates } from '../test/support/certificates.ts';
import { kubeconfigText } from '../test/support/kubeconfig.ts';
import type { Traffic as KindTraffic, StandInAnswer, StandInRequest } from './api-stand-in.ts';
import type { ClusterSize, Kind } from './changing-cluster.ts';

const PROGRAM = join(import.meta.dirname, 'api-stand-in.ts');
const START_MS = 60_000;
const ANSWER_MS = 30_000;

export type Traffic = Omit<Extract<StandInAnswer, { kind: 'traffic' }>, 'kind'>;

/** An API server's part played in the node's namespace. */
export interface StandIn {
  readonly kubeconfig: string;
  /** Resolves when all were sent. */
  change(changes: number, perSecond: number): Promise<void>;
  /** Since the start. */
  traffic(): Promise<Traffic>;
  close(): Promise<void>;
}

export async function startStandIn(lab: Lab, size: ClusterSize): Promise<StandIn> {
  const folder = mkdtempSync(join(tmpdir(), 'cw-bench-api-'));
  const { ca, cert, key } = makeCertificates();
  const child = spawnIn(lab.node, process.execPath, [PROGRAM], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = (request: StandInRequest) => child.send(request);
  ask({ ask: 'start', size, cert, key });
  const { port } = await next(child, 'listening', START_MS);
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'secret\n');
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigText({ server: `https://127.0.0.1:${port}`, ca, tokenFile }));
  return {
    kubeconfig,
    async change(changes, perSecond) {
      ask({ ask: 'change', changes, perSecond });
      await next(child, 'changed', (changes / perSecond) * 1000 + ANSWER_MS);
    },
    async traffic() {
      ask({ ask: 'traffic' });
      const { kind: _kind, ...traffic } = await next(child, 'traffic', ANSWER_MS);
      return traffic;
    },
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** What was sent of each kind from one reading to a later one. */
export function trafficBetween(before: Traffic, after: Traffic): Traffic['of'] {
  const between = (kind: Kind): KindTraffic => ({
    lists: after.of[kind].lists - before.of[kind].lists,
    listBytes: after.of[kind].listBytes - before.of[kind].listBytes,
    objects: after.of[kind].objects - before.of[kind].objects,
    events: after.of[kind].events - before.of[kind].events,
    watchBytes: after.of[kind].watchBytes - before.of[kind].watchBytes,
  });
  return {
    services: between('services'),
    endpointslices: between('endpointslices'),
    pods: between('pods'),
  };
}

async function next<K extends StandInAnswer['kind']>(
  child: ChildProcess,
  kind: K,
  withinMs: number,
): Promise<Extract<StandInAnswer, { kind: K }>> {
  const signal = AbortSignal.timeout(withinMs);
  const [answer] = (await once(child, 'message', { signal }).catch((cause) => {
    throw new Error(`the stand-in for the API server is not ${kind} after ${withinMs / 1000} s`, { cause });
  })) as [StandInAnswer];
  if (answer.kind !== kind) throw new Error('the stand-in for the API server is out of step');
  return answer as Extract<StandInAnswer, { kind: K }>;
}
