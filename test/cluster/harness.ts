import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ClusterProblem } from '../../src/enrich/problems.ts';
import type { ResourceName } from '../../src/enrich/resources.ts';
import { type ClusterWatch, type ClusterWatchOptions, watchCluster } from '../../src/enrich/watch.ts';
import type { ApiObject, KindName } from '../support/api-objects.ts';
import { ApiServer } from '../support/api-server.ts';
import {
  type Authority,
  type Certificates,
  makeAuthority,
  makeCertificates,
} from '../support/certificates.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';

const RECORDED = join(import.meta.dirname, '../fixtures/topology');
export const KINDS: readonly KindName[] = ['services', 'endpointslices', 'pods'];

/** Everything that waits, a thousandth of what it is in the field; but for staleness, which comes with `skipMs`. */
export const FAST = {
  backoffMinMs: 2,
  backoffMaxMs: 30,
  deniedMs: 40,
  relistMs: 200,
  relistSpreadMs: 5,
  answerMs: 2000,
  silenceMs: 5000,
  goodWatchMs: 1000,
  staleMs: 150_000,
} as const;

export interface Harness {
  readonly server: ApiServer;
  /** Who signed for the server. */
  readonly authority: Authority;
  readonly folder: string;
  /** The file with the token; its content is what a new request is to send. */
  readonly tokenFile: string;
  readonly kubeconfig: string;
  readonly problems: ClusterProblem[];
  readonly synced: ResourceName[];
  /** Moves the agent's clock forward, beside its real pace. */
  skipMs(ms: number): void;
  watch(options?: Partial<ClusterWatchOptions>): ClusterWatch;
  /** Resolves when every resource is synced. */
  watchSynced(options?: Partial<ClusterWatchOptions>): Promise<ClusterWatch>;
}

let authority: Authority | undefined;
let certificates: Certificates | undefined;

/** A server with what was recorded (or nothing), and a kubeconfig for it; all of it ends with the test. */
export async function createHarness(
  t: TestContext,
  { recorded = true, started = true } = {},
): Promise<Harness> {
  authority ??= makeAuthority();
  certificates ??= makeCertificates(authority);
  const server = new ApiServer(certificates);
  if (recorded) for (const kind of KINDS) server.load(kind, recordedList(kind));
  await server.start();
  if (!started) await server.stop();
  const folder = mkdtempSync(join(tmpdir(), 'cw-cluster-'));
  const tokenFile = join(folder, 'token');
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(tokenFile, 'secret\n');
  writeFileSync(kubeconfig, kubeconfigText({ server: server.url, ca: certificates.ca, tokenFile }));
  const watches: ClusterWatch[] = [];
  t.after(async () => {
    await Promise.all(watches.map((watch) => watch.stop()));
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const problems: ClusterProblem[] = [];
  const synced: ResourceName[] = [];
  let skippedMs = 0;
  const watch: Harness['watch'] = ({ timing, ...options } = {}) => {
    const opened = watchCluster({
      kubeconfig,
      nodeName: 'node-a',
      nowMs: () => performance.now() + skippedMs,
      onSynced: (resource) => synced.push(resource),
      onProblem: (problem) => problems.push(problem),
      timing: { ...FAST, ...timing },
      ...options,
    });
    watches.push(opened);
    return opened;
  };
  return {
    server,
    authority,
    folder,
    tokenFile,
    kubeconfig,
    problems,
    synced,
    skipMs: (ms) => {
      skippedMs += ms;
    },
    watch,
    async watchSynced(options) {
      const opened = watch(options);
      await until(
        () => server.watches === 3 && allSynced(opened),
        'synced',
        () => problems,
      );
      return opened;
    },
  };
}

export function allSynced(watch: ClusterWatch): boolean {
  return Object.values(watch.synced()).every(Boolean);
}

/** Resolves when the condition holds; fails when time is over, with what `show` returns. */
export async function until(
  holds: () => boolean,
  what: string,
  show: () => unknown = () => '',
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) assert.fail(`never ${what}: ${JSON.stringify(show())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function recordedList(kind: KindName): { readonly items: readonly ApiObject[] } {
  return JSON.parse(readFileSync(join(RECORDED, `${kind}.list.json`), 'utf8'));
}

/** Without bookmarks. */
export function recordedEvents(kind: KindName): { readonly type: string; readonly object: ApiObject }[] {
  const lines = readFileSync(join(RECORDED, `${kind}.watch.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean);
  return lines.map((line) => JSON.parse(line)).filter(({ type }) => type !== 'BOOKMARK');
}
