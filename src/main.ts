import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { runAgent } from './commands/agent.ts';
import { runDemo } from './commands/demo.ts';
import { parseCommandLine, UsageError } from './config/parse.ts';

/** Exit status 1: it failed; 2: bad usage or bad input. Either with one line on stderr. */
async function main(): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const line = parseCommandLine(process.argv.slice(2), { env: process.env, hostName: hostname() });
  if ('help' in line) {
    process.stdout.write(line.help);
    return 0;
  }
  if ('version' in line) {
    process.stdout.write(`conntrack-watchdog ${version}\n`);
    return 0;
  }
  switch (line.command) {
    case 'agent':
      await runAgent(line.options, version, stopSignal());
      return 0;
    case 'demo':
      return await runDemo(line.options, stopSignal());
  }
}

/** The first of the signals that ask for an end. A second one ends at once, as it would without us. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, resolve);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`conntrack-watchdog: ${message.replaceAll('\n', ' ')}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
