/** The programs of Debian's package prometheus: from the PATH, else where `scripts/setup tests` unpacks them. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const UNPACKED = join(import.meta.dirname, '../../node_modules/.cache/prometheus');

/** @throws Error if this machine has none */
export const promtoolPath = () => pathOf('promtool');

/** @throws Error if this machine has none */
export const prometheusPath = () => pathOf('prometheus');

/** Why the tests with these programs are left out, false to run them. With CI=true they run, and fail. */
export const skip: string | false = whySkip();

function whySkip(): string | false {
  if (process.env['CI'] === 'true') return false;
  try {
    promtoolPath();
    prometheusPath();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

function pathOf(name: string): string {
  const paths = [name, join(UNPACKED, name)];
  const found = paths.find(runs);
  if (found === undefined) {
    throw new Error(
      `no ${name} that runs on the PATH; as root on Debian \`sh scripts/setup tests\` brings it`,
    );
  }
  return found;
}

function runs(path: string): boolean {
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
