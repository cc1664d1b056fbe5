import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OptionsOf } from '../config/parse.ts';
import { NODE_OPTIONS, PROGRAM } from '../lab/agent-process.ts';
import { runExampleApp } from '../lab/example-app.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { spawnIn } from '../lab/namespace.ts';
import { missingPrerequisites } from '../lab/prerequisites.ts';
import { startServers } from '../lab/servers.ts';
import { demoTopology } from './demo/topology.ts';

/** Shorter than the application's pauses; in a cluster both are hours or days. */
const ESTABLISHED_SECONDS = 3;
const IDLE_MS = 4500;
/** One in two re-picks finds the old backend; of so many at a time some break and some live on, as good as surely. */
const BACKENDS = 2;
const CONNECTIONS = 16;

/**
 * A cluster in network namespaces, an application in it whose connections break, and a shell on its node. Ends with the
 * shell, whose exit status it returns; then everything is removed.
 */
export async function runLab(options: OptionsOf<'lab'>, stop: AbortSignal): Promise<number> {
  const missing = missingPrerequisites();
  if (missing.length > 0) throw new Error(`the lab cannot run here: ${missing.join(' ')}`);
  const { family, rules } = options;
  const lab = await createLab({
    family,
    rules,
    backends: BACKENDS,
    timeouts: { established: ESTABLISHED_SECONDS },
  });
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-lab-'));
  const ending = new AbortController();
  try {
    prepare(folder, lab);
    await startServers(lab);
    const app = runExampleApp(
      {
        lab,
        connections: CONNECTIONS,
        idleMs: IDLE_MS,
        logFile: join(folder, 'app.log'),
        keepaliveFile: join(folder, 'keepalive'),
      },
      ending.signal,
    );
    if (process.stdin.isTTY) process.stderr.write(welcome(lab));
    return await Promise.race([shell(lab, folder, stop), failed(app)]);
  } finally {
    ending.abort();
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The files of the lab, and the programs that its shell has. */
function prepare(folder: string, lab: Lab): void {
  writeFileSync(join(folder, 'cluster.json'), JSON.stringify(demoTopology(lab)));
  writeFileSync(join(folder, 'app.log'), '');
  writeFileSync(join(folder, 'keepalive'), 'off\n');
  mkdirSync(join(folder, 'bin'));
  const program = [process.execPath, ...NODE_OPTIONS, PROGRAM].map((word) => `'${word}'`).join(' ');
  const programs = { 'conntrack-watchdog': `#!/bin/sh\nexec ${program} "$@"\n`, app: APP };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, 'bin', name), text);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
}

async function shell(lab: Lab, folder: string, stop: AbortSignal): Promise<number> {
  const child = spawnIn(lab.node, process.env['SHELL'] || 'sh', [], {
    stdio: 'inherit',
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${join(folder, 'bin')}:${process.env['PATH']}:/usr/sbin:/sbin`,
      LAB: folder,
      TOPOLOGY: `file:${join(folder, 'cluster.json')}`,
      NODE_NAME: 'demo-node',
      PS1: 'lab# ',
    },
  });
  const [code] = (await Promise.race([once(child, 'exit'), once(stop, 'abort')])) as [unknown];
  return typeof code === 'number' ? code : 1;
}

/** The application runs as long as the lab; that it was told to end is no failure. */
async function failed(app: Promise<void>): Promise<never> {
  await app.catch((error: Error) => {
    if (error.name !== 'AbortError') throw error;
  });
  return new Promise(() => {});
}

function welcome(lab: Lab): string {
  return `You are root on the node of a small cluster. The pods of shop/checkout use the Service shop/redis,
${lab.service.ip}:${lab.service.port}, and have connections that break. What they log: app log. What they do next: app next.
$TOPOLOGY has the names: conntrack-watchdog tail --topology $TOPOLOGY. docs/tutorial.md tells the story. It ends with exit.

`;
}

/** What the shell of the lab has to deal with the application. */
const APP = `#!/bin/sh
usage() {
  echo 'usage: app log | app next | app keepalive SECONDS|off' >&2
  exit 2
}
rounds() { grep -c ' is over$' "$LAB/app.log"; }
case "$1" in
  log) cat "$LAB/app.log" ;;
  # The first round that begins from now on, when it is over.
  next)
    lines=$(wc -l < "$LAB/app.log")
    until=$(( $(rounds) + 2 ))
    while [ "$(rounds)" -lt "$until" ]; do sleep 0.2; done
    tail -n +$((lines + 1)) "$LAB/app.log" | sed '1,/ is over$/d' | sed '/ is over$/q'
    ;;
  keepalive)
    case "$2" in off | [1-9] | [1-9][0-9]*) ;; *) usage ;; esac
    echo "$2" > "$LAB/keepalive"
    ;;
  *) usage ;;
esac
`;
