import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM texts: a certificate authority nobody knows, and a certificate of this machine's API server signed by it. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Somebody who signs. */
export interface Authority {
  readonly ca: string;
  /** A certificate with this common name, and its key. */
  issue(commonName: string): Pick<Certificates, 'cert' | 'key'>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
/** Of server and clients alike. */
const ADDRESSES = 'subjectAltName=IP:127.0.0.1,IP:::1\n';

/** Made anew by the program openssl; all it signs is valid for a day, on 127.0.0.1 and ::1. */
export function makeAuthority(): Authority {
  const made = inFolder((folder) => {
    const subject = ['-subj', '/CN=test-ca', '-days', '1'];
    openssl(folder, 'req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.crt', ...subject);
    return { ca: readFileSync(join(folder, 'ca.crt'), 'utf8'), key: readFileSync(join(folder, 'ca.key')) };
  });
  return {
    ca: made.ca,
    issue: (commonName) =>
      inFolder((folder) => {
        writeFileSync(join(folder, 'ca.crt'), made.ca);
        writeFileSync(join(folder, 'ca.key'), made.key);
        writeFileSync(join(folder, 'san'), ADDRESSES);
        openssl(folder, 'req', ...NEW_KEY, '-keyout', 'key', '-out', 'request', '-subj', `/CN=${commonName}`);
        const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san'];
        openssl(folder, 'x509', '-req', '-in', 'request', ...signer, '-out', 'cert', '-days', '1');
        const read = (name: string) => readFileSync(join(folder, name), 'utf8');
        return { cert: read('cert'), key: read('key') };
      }),
  };
}

/** Those of an API server. */
export function makeCertificates(authority = makeAuthority()): Certificates {
  return { ca: authority.ca, ...authority.issue('kube-apiserver') };
}

function openssl(cwd: string, ...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd, stdio: 'pipe' });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'cw-ca-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
