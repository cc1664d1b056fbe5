import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AgentProgram, NODE_OPTIONS } from '../src/lab/agent-process.ts';

const TOP = join(import.meta.dirname, '..');

/** What `npm run build` makes, in a folder of its own. */
export interface BuiltProgram {
  /** As in a container of the image: its command, and nothing of this environment. */
  readonly program: AgentProgram;
  /** The same with a file that is imported before it, and what that finds in the environment, `NAME=VALUE`. */
  importing(file: string, variable: string): AgentProgram;
  remove(): void;
}

export function buildProgram(): BuiltProgram {
  const folder = mkdtempSync(join(tmpdir(), 'cw-bench-dist-'));
  const { status, stderr } = spawnSync('sh', [join(TOP, 'scripts/build'), folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm run build failed: ${stderr.trim()}`);
  const node = realpathSync(process.execPath);
  const bare = ['env', '-i', `PATH=${dirname(node)}:/usr/sbin:/usr/bin:/sbin:/bin`, 'MALLOC_ARENA_MAX=1'];
  return {
    program: { command: [...bare, join(folder, 'conntrack-watchdog')], cwd: folder },
    importing: (file, variable) => ({
      command: [...bare, variable, node, ...NODE_OPTIONS, '--import', file, join(folder, 'main.js')],
      cwd: folder,
    }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
