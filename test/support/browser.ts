import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Namespace } from '../../src/lab/namespace.ts';
import { programOnPath } from './program-on-path.ts';

const SCREENSHOTS = join(import.meta.dirname, '../output/screenshots');
const missing = programOnPath('chromium') ? false : 'needs chromium (Debian: chromium)';
/** Why browser tests are left out, false to run them. With CI=true they run, and fail. */
export const skip: string | false = process.env['CI'] === 'true' ? false : missing;

/** Nothing but the page itself is to be loaded: no updates, no look-ups of the browser's maker. */
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser, closed when its scope ends: before a lab is, whose namespace it may be in. */
export interface TestBrowser extends AsyncDisposable {
  newPage(options?: BrowserContextOptions): Promise<Page>;
}

/** Debian's Chromium, in a network namespace if one is given. */
export async function openBrowser(namespace?: Namespace): Promise<TestBrowser> {
  const executable = programOnPath('chromium');
  assert.ok(executable, 'chromium is not on PATH');
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-browser-'));
  const wrapper = join(folder, 'chromium');
  const enter = namespace ? `ip netns exec ${namespace.name} ` : '';
  writeFileSync(wrapper, `#!/bin/sh\nexec ${enter}${executable} "$@"\n`, { mode: 0o755 });
  // Its sandbox does not run as root.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: wrapper, args: [...QUIET, ...sandbox] });
  return {
    newPage: (options) => browser.newPage(options),
    async [Symbol.asyncDispose]() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Everything that must not happen on a page: script errors, what the policy blocked, requests to elsewhere. */
export function watchPage(page: Page, origin: string): readonly string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) faults.push(`request: ${url}`);
  });
  return faults;
}

/** Kept as test output, below test/output/screenshots. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
