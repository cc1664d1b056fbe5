/**
 * A cluster to test against: the one that $TEST_KUBECONFIG leads to, or the API server of this folder. Both are spoken to
 * in the same way, over HTTPS with a kubeconfig. It takes no more of a cluster than an API server: no controllers, no
 * kubelet. What controllers there are must have nothing to do with what is made here.
 *
 * All of it is in one namespace with a name of its own, or is named like it and labelled with MADE_HERE; close() removes
 * it, whatever happened. So several runs may go on at once.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { exportCluster, exportUser } from '@kubernetes/client-node/dist/config_types.js';
import { ApiRefusal, callApi } from './api-client.ts';
import { type ApiObject, KINDS, type KindName, pathOf } from './api-objects.ts';
import { ApiServer } from './api-server.ts';
import { clusterAt, kubeconfigOf } from './kubeconfig.ts';

/** For whoever has to clean up after a run that was killed. */
const MADE_HERE = { 'app.kubernetes.io/managed-by': 'conntrack-watchdog-test' };

/** As it is sent; the namespace is added. */
export interface NewObject {
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [part: string]: unknown;
}

export class TestCluster {
  readonly namespace: string;
  /** There is no such node. */
  readonly nodeName: string;
  /** With all rights. */
  readonly kubeconfig: string;
  readonly config: KubeConfig;
  /** For files; it is removed at the end. */
  readonly folder: string;
  readonly #server: ApiServer | undefined;
  readonly #made: { readonly kind: KindName; readonly name: string }[] = [];
  #files = 0;
  /** From 198.18.0.0/15, which is for tests of networks (RFC 2544): no cluster has them. */
  #lastIp = randomInt(2 ** 17);

  private constructor(folder: string, kubeconfig: string, server: ApiServer | undefined, namespace: string) {
    this.namespace = namespace;
    this.nodeName = `${namespace}-node`;
    this.kubeconfig = kubeconfig;
    this.config = load(kubeconfig);
    this.folder = folder;
    this.#server = server;
  }

  static async open(): Promise<TestCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'cw-cluster-'));
    const { TEST_KUBECONFIG: given } = process.env;
    const server = given ? undefined : new ApiServer();
    try {
      const kubeconfig = given || join(folder, 'admin');
      if (server) {
        await server.start();
        const { url, certificates } = server;
        writeFileSync(kubeconfig, kubeconfigOf(clusterAt(url, certificates.ca), { token: 'secret' }));
      }
      // The level of Pod Security that lets pods on the host network in.
      const labels = { ...MADE_HERE, 'pod-security.kubernetes.io/enforce': 'privileged' };
      const made = await callApi<ApiObject>(load(kubeconfig), {
        method: 'POST',
        path: pathOf('namespaces'),
        body: { metadata: { generateName: 'conntrack-watchdog-test-', labels } },
      });
      return new TestCluster(folder, kubeconfig, server, made.metadata.name);
    } catch (error) {
      await server?.stop();
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  /** No two calls, in whatever runs, return the same one. */
  freeIp(): string {
    this.#lastIp = (this.#lastIp + 1) % 2 ** 17;
    const ip = this.#lastIp;
    return `198.${18 + (ip >> 16)}.${(ip >> 8) & 255}.${ip & 255}`;
  }

  async create(kind: KindName, object: NewObject): Promise<ApiObject> {
    const { kind: kindName, apiVersion } = KINDS[kind];
    const labels = { ...MADE_HERE, ...(object.metadata['labels'] as object | undefined) };
    const namespace = this.#namespaceOf(kind);
    const metadata = { ...object.metadata, ...(namespace !== undefined && { namespace }), labels };
    const body = { apiVersion, kind: kindName, ...object, metadata };
    this.#made.push({ kind, name: object.metadata.name });
    return await callApi(this.config, { method: 'POST', path: pathOf(kind, namespace), body });
  }

  get(kind: KindName, name: string): Promise<ApiObject> {
    return callApi(this.config, { method: 'GET', path: this.#path(kind, name) });
  }

  /** With its resourceVersion, if it has one: then it must be the newest. */
  replace(kind: KindName, body: ApiObject): Promise<ApiObject> {
    return callApi(this.config, { method: 'PUT', path: this.#path(kind, body.metadata.name), body });
  }

  /** A merge patch; `status` is taken by the subresource of that name only. */
  patch(kind: KindName, name: string, change: object, subresource?: 'status'): Promise<ApiObject> {
    const contentType = 'application/merge-patch+json';
    const path = this.#path(kind, name, subresource);
    return callApi(this.config, { method: 'PATCH', path, body: change, contentType });
  }

  /** At once; a pod may be given time, which nobody here uses to stop it. */
  async remove(kind: KindName, name: string, graceSeconds = 0): Promise<void> {
    const query = kind === 'pods' ? `?gracePeriodSeconds=${graceSeconds}` : '';
    await callApi(this.config, { method: 'DELETE', path: `${this.#path(kind, name)}${query}` });
  }

  /** Who has all rights, in the words of a kubeconfig. */
  get user(): object {
    return exportUser(this.config.getCurrentUser()!).user;
  }

  /** A kubeconfig for the same cluster with another user; `server` is what is different about the way to it. */
  kubeconfigFor(user: object, server: object = {}): string {
    const path = join(this.folder, `user-${++this.#files}`);
    const { cluster } = exportCluster(this.config.getCurrentCluster()!);
    writeFileSync(path, kubeconfigOf({ ...cluster, ...server }, user));
    return path;
  }

  /** A token of this service account, which ends with it. */
  async tokenOf(serviceAccount: string): Promise<string> {
    const { apiVersion, kind } = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
    const { status } = await callApi<{ status: { token: string } }>(this.config, {
      method: 'POST',
      path: this.#path('serviceaccounts', serviceAccount, 'token'),
      body: { apiVersion, kind, spec: { expirationSeconds: 3600 } },
    });
    return status.token;
  }

  /** Removes all that was made. Rejects if something could not be removed, when the rest is. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    const attempt = async (work: () => Promise<unknown>) => {
      await work()
        .catch(isNotFound)
        .catch((error: unknown) => errors.push(error));
    };
    for (const { kind, name } of this.#made.reverse()) await attempt(() => this.remove(kind, name));
    await attempt(() => this.#removeNamespace());
    await this.#server?.stop();
    rmSync(this.folder, { recursive: true });
    if (errors.length > 0) throw new AggregateError(errors, `could not remove all of ${this.namespace}`);
  }

  /**
   * Without a controller that empties namespaces one that was deleted stays for good, and has to be let go by hand. Where
   * there are controllers they have put this ConfigMap in.
   */
  async #removeNamespace(): Promise<void> {
    const isAlone = await this.get('configmaps', 'kube-root-ca.crt').then(() => false, isNotFound);
    const path = pathOf('namespaces', undefined, this.namespace);
    await callApi(this.config, { method: 'DELETE', path });
    if (!isAlone) return;
    const left = await callApi<ApiObject>(this.config, { method: 'GET', path });
    const body = { ...left, spec: { ...left.spec, finalizers: [] } };
    await callApi(this.config, { method: 'PUT', path: `${path}/finalize`, body });
    // Newer servers remove it with that, older ones want to be asked again.
    await callApi(this.config, { method: 'DELETE', path });
  }

  #path(kind: KindName, name: string, subresource?: string): string {
    return pathOf(kind, this.#namespaceOf(kind), name, subresource);
  }

  #namespaceOf(kind: KindName): string | undefined {
    return KINDS[kind].namespaced ? this.namespace : undefined;
  }
}

function load(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

/** Takes that for an answer, and throws what is none. */
function isNotFound(error: unknown): true {
  if (error instanceof ApiRefusal && error.code === 404) return true;
  throw error;
}
