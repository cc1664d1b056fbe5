import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import type { Lab } from '../../src/lab/lab.ts';

/** What `--topology` takes for the names of a lab, in a file that goes with the test. `edit` changes its JSON. */
export function topologyOf(t: TestContext, lab: Lab, edit = (json: string) => json): string {
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'topology.json');
  writeFileSync(file, edit(JSON.stringify(demoTopology(lab))));
  return `file:${file}`;
}
