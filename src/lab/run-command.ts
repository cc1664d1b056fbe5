import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Runs a command to its end and returns what it wrote to stdout. A command that fails rejects with the whole
 * command line, how it ended and what it wrote to stderr, because in a lab of many namespaces "exit code 2"
 * tells nothing.
 */
export function runCommand(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: string[] = [];
    const stderr: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
    const fail = (why: string, cause?: unknown) =>
      reject(new Error(`${[command, ...args].join(' ')}: ${why}`, { cause }));
    child.on('error', (error) => fail(error.message, error));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout.join(''));
      else fail(`${signal ?? `exit code ${code}`}: ${stderr.join('').trim() || 'nothing on stderr'}`);
    });
    // A command that ends without reading its input leaves EPIPE here; its exit code tells the story.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Resolves when the child has ended and was reaped. */
export function ended(child: ChildProcess): Promise<void> {
  // A child that could not be started has no pid and never says 'exit'.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
