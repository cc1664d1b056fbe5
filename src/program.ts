import { hostname } from 'node:os';
import manifest from '../package.json' with { type: 'json' };
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

/** Each command is loaded when it is asked for: the agent, which runs on every node, has only its own in memory. */
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
      await (await import('./commands/agent.ts')).runAgent(line.options, version, stop);
      return 0;
    case 'demo':
      return await (await import('./commands/demo.ts')).runDemo(line.options, stop);
    case 'lab':
      return await (await import('./commands/lab.ts')).runLab(line.options, stop);
    case 'replay':
      return await (await import('./commands/replay.ts')).runReplay(line.options, line.argument, stop);
    case 'tail':
      return await (await import('./commands/tail.ts')).runTail(line.options, stop);
    case 'audit':
      return await (await import('./commands/audit.ts')).runAudit(line.options, stop);
    case 'doctor':
      return await (await import('./commands/doctor.ts')).runDoctor(line.options, stop);
    case 'completion':
      process.stdout.write((await import('./config/completion.ts')).completion(line.argument));
      return 0;
  }
}
