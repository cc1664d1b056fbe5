import { once } from 'node:events';
import { join } from 'node:path';
import { NODE_OPTIONS } from '../src/lab/agent-process.ts';
import type { Lab } from '../src/lab/lab.ts';
import { spawnIn } from '../src/lab/namespace.ts';
import type { InformerMessage } from './informer-child.ts';
import type { Follower } from './scale-life.ts';

const PROGRAM = join(import.meta.dirname, 'informer-child.ts');
const SYNC_MS = 120_000;

/** The peer of the agent in this: started with the same options of Node.js, but not bundled. */
export async function startInformer(lab: Lab, kubeconfig: string): Promise<Follower> {
  const child = spawnIn(lab.node, process.execPath, [...NODE_OPTIONS, PROGRAM, kubeconfig], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(SYNC_MS) })) as [
    InformerMessage,
  ];
  if (message !== 'synced') throw new Error('the informer is out of step');
  return {
    pid: child.pid!,
    async end() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
