/** What the tests have in common that can be held against a real cluster ($TEST_KUBECONFIG) as well as our stand-in. */
import { after, before, type TestContext } from 'node:test';
import type { ClusterProblem } from '../../src/enrich/problems.ts';
import type { ResourceName } from '../../src/enrich/resources.ts';
import { type ClusterWatch, type ClusterWatchOptions, watchCluster } from '../../src/enrich/watch.ts';
import { TestCluster } from '../support/test-cluster.ts';
import { allSynced, until } from './harness.ts';

/** Waits as short as a real server can be asked to bear; how long it may be silent is not shortened. */
const QUICK = {
  backoffMinMs: 50,
  backoffMaxMs: 500,
  deniedMs: 200,
  relistMs: 1000,
  relistSpreadMs: 50,
} as const;

/** A real server has other things to do. */
const WAIT_MS = 30_000;

export interface LiveWatch extends ClusterWatch {
  readonly problems: readonly ClusterProblem[];
  readonly told: readonly ResourceName[];
  /** Moves the agent's clock forward, beside its real pace. */
  skipMs(ms: number): void;
  /** As the function of that name, and shows the problems if it fails. */
  until(holds: () => boolean, what: string): Promise<void>;
}

export interface Live {
  readonly cluster: TestCluster;
  /** Ends with the test. */
  watch(t: TestContext, options?: Partial<ClusterWatchOptions>): LiveWatch;
  /** Resolves when every resource is synced. */
  watchSynced(t: TestContext, options?: Partial<ClusterWatchOptions>): Promise<LiveWatch>;
}

/** A namespace of its own in a cluster, for all tests of a file; to be called once in it. `setUp` is for all of them. */
export function useCluster(setUp: (cluster: TestCluster) => Promise<unknown> = async () => {}): () => Live {
  let cluster: TestCluster | undefined;
  const watches: ClusterWatch[] = [];
  before(async () => {
    cluster = await TestCluster.open();
    await setUp(cluster);
  });
  after(async () => {
    // Each ends with its test, unless something went wrong there.
    await Promise.all(watches.map((watch) => watch.stop()));
    await cluster?.close();
  });
  return () => {
    if (!cluster) throw new Error('there is no cluster before the first test begins');
    const opened = cluster;
    const watchOne: Live['watch'] = (t, options) => {
      const watch = watchIt(opened, options);
      watches.push(watch);
      t.after(() => watch.stop());
      return watch;
    };
    return {
      cluster: opened,
      watch: watchOne,
      async watchSynced(t, options) {
        const watch = watchOne(t, options);
        await watch.until(() => allSynced(watch), 'synced');
        return watch;
      },
    };
  };
}

function watchIt(
  { kubeconfig, nodeName }: TestCluster,
  options: Partial<ClusterWatchOptions> = {},
): LiveWatch {
  const problems: ClusterProblem[] = [];
  const told: ResourceName[] = [];
  let skippedMs = 0;
  const watch = watchCluster({
    kubeconfig,
    nodeName,
    nowMs: () => performance.now() + skippedMs,
    onSynced: (resource) => told.push(resource),
    onProblem: (problem) => problems.push(problem),
    ...options,
    timing: { ...QUICK, ...options.timing },
  });
  return {
    ...watch,
    problems,
    told,
    skipMs: (ms) => {
      skippedMs += ms;
    },
    until: (holds, what) => until(holds, what, () => problems, WAIT_MS),
  };
}
