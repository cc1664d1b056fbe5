export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly tokenFile: string;
}

/** A kubeconfig whose token is in a file. */
export function kubeconfigText({ server, ca, tokenFile }: KubeconfigOptions): string {
  return kubeconfigOf(clusterAt(server, ca), tokenIn(tokenFile));
}

/** The part of a kubeconfig that says who we are: by the token in a file. */
export function tokenIn(tokenFile: string): object {
  return { tokenFile };
}

/** The part of a kubeconfig that says where the server is. */
export function clusterAt(server: string, ca: string): object {
  return { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
}

/** A kubeconfig of one cluster and one user, both in the words of such files; as JSON, which is YAML too. */
export function kubeconfigOf(cluster: object, user: object): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
}
