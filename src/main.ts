/**
 * The first thing that happens is that signals are listened to: loading the program takes a moment, and a process
 * that is number 1 of its container gets none that nobody listens to.
 */
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever asks twice, with whatever signal, is not made to wait.
    if (stop.signal.aborted) process.exit(1);
    stop.abort(signal);
  });
}

const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram(process.argv.slice(2), stop.signal);
