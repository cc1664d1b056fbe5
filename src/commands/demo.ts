import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OptionsOf } from '../config/parse.ts';
import { createLab } from '../lab/lab.ts';
import { missingPrerequisites } from '../lab/prerequisites.ts';
import { BREAKING_SECONDS, breakConnection } from './demo/break-connection.ts';
import { KEEPING_SECONDS, keepConnection } from './demo/keep-connection.ts';
import { createNarrator } from './demo/narrator.ts';

/**
 * Reproduces the failure on the real kernel and shows that the real agent finds it; with `--protect`, that it prevents
 * it. Returns the exit status. Whatever happens, also on a signal, the namespaces are removed.
 */
export async function runDemo(options: OptionsOf<'demo'>, stop: AbortSignal): Promise<number> {
  const missing = missingPrerequisites();
  if (missing.length > 0) throw new Error(`the demo cannot run here: ${missing.join(' ')}`);
  const { family, rules, demoProtect } = options;
  const color = options.color && process.stdout.isTTY;
  const narrator = createNarrator((text) => process.stdout.write(`${text}\n`), color);
  const lab = await createLab({
    family,
    rules,
    backends: 2,
    timeouts: { established: demoProtect ? KEEPING_SECONDS : BREAKING_SECONDS },
  });
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-demo-'));
  const play = demoProtect ? keepConnection : breakConnection;
  try {
    return await Promise.race([play(lab, folder, narrator, rules, stop), stopped(stop)]);
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rejects when the signal comes, or has come. */
async function stopped(stop: AbortSignal): Promise<never> {
  if (!stop.aborted) await once(stop, 'abort');
  throw new Error(`stopped by ${stop.reason}; everything the demo made is removed`);
}
