import { hostname } from 'node:os';
import manifest from '../package.json' with { type: 'json' };
import { runAgent } from './commands/agent.ts';
import { runAudit } from './commands/audit.ts';
import { runDemo } from './commands/demo.ts';
import { runDoctor } from './commands/doctor.ts';
import { runLab } from './commands/lab.ts';
import { runReplay } from './commands/replay.ts';
import { runTail } from './commands/tail.ts';
import { parseCommandLine, UsageError } from './config/parse.ts';

/**
 * Runs a command until it ends or `stop` asks it to; the reason of `stop` is the signal's name. Returns the exit
 * status: 0 fine, 1 it failed, 2 bad usage or bad input, either of these with one line on stderr; 3 `doctor` found a
 * problem.
 */
export async function runProgram(argv: readonly string[], stop: AbortSignal): Promise<number> {
  try {
    return await dispatch(argv, stop);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`conntrack-watchdog: ${message.replaceAll('\n', ' ')}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function dispatch(argv: readonly string[], stop: AbortSignal): Promise<number> {
  const { version } = manifest;
  const line = parseCommandLine(argv, { env: process.env, hostName: hostname() });
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
      await runAgent(line.options, version, stop);
      return 0;
    case 'demo':
      return await runDemo(line.options, stop);
    case 'lab':
      return await runLab(line.options, stop);
    case 'replay':
      return await runReplay(line.options, line.argument, stop);
    case 'tail':
      return await runTail(line.options, stop);
    case 'audit':
      return await runAudit(line.options, stop);
    case 'doctor':
      return await runDoctor(line.options, stop);
  }
}
