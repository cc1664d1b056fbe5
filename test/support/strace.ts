/** What a program asks of the kernel, as strace(1) sees it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { programOnPath } from './program-on-path.ts';

/** False, or why a test that needs it is left out. */
export const noStrace: string | false =
  programOnPath('strace') || process.env['CI'] === 'true' ? false : 'needs strace (Debian: strace)';

/** One call that could do something; calls that only read, wait, or arrange memory are not traced. */
export interface Call {
  readonly name: string;
  /** As strace writes them, `-yy`: file descriptors with what they are. */
  readonly args: string;
  readonly result: string;
  /** What was handed over to be written or sent, one for each buffer. */
  readonly sent: readonly Buffer[];
}

/** Everything else is traced, so a call that nobody thought of is seen as well. */
const NOT_TRACED = [
  // memory and threads
  ...[
    'brk',
    'mmap',
    'munmap',
    'mremap',
    'mprotect',
    'madvise',
    'futex',
    'set_robust_list',
    'set_tid_address',
  ],
  ...['rseq', 'arch_prctl', 'sched_yield', 'sched_getaffinity', 'sched_getparam', 'sched_getscheduler'],
  ...['exit', 'exit_group', 'restart_syscall', 'clock_nanosleep', 'getrandom'],
  // signals that come in
  ...['rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'sigaltstack'],
  // looking
  ...[
    'getpid',
    'gettid',
    'getppid',
    'getuid',
    'geteuid',
    'getgid',
    'getegid',
    'capget',
    'getrusage',
    'uname',
  ],
  ...[
    'sysinfo',
    'getcwd',
    'stat',
    'lstat',
    'fstat',
    'newfstatat',
    'statx',
    'access',
    'faccessat',
    'faccessat2',
  ],
  ...['readlink', 'readlinkat', 'getdents64', 'lseek', 'getsockname', 'getpeername', 'getsockopt'],
  // reading and waiting
  ...['read', 'readv', 'pread64', 'recvfrom', 'recvmsg', 'recvmmsg', 'close', 'poll', 'ppoll'],
  ...['epoll_create1', 'epoll_ctl', 'epoll_wait', 'epoll_pwait'],
];
/** Some are not there on every processor: `?` says that this is no error. */
const FILTER = `trace=!${NOT_TRACED.map((name) => `?${name}`).join(',')}`;
/**
 * With `-D` the program is the child, and gets the signals. What goes through io_uring is no system call: there the
 * kernel says that it has none, and libuv does without.
 */
const STRACE = [
  ...['strace', '-D', '-ff', '--seccomp-bpf', '-q', '-yy', '-s', '4096', '-e', FILTER, '-e', 'signal=none'],
  ...['-e', 'write=all', '-e', 'inject=io_uring_setup:error=ENOSYS'],
];
const ENDED = /^\+\+\+ (exited with|killed by) .* \+\+\+$/;
const CALL = /^(\w+)\((.*)\) += (.+)$/s;

export interface Trace {
  /** What to put before the command. Node.js's compile cache, which it would write when it ends, is not used. */
  readonly wrapper: readonly string[];
  /** All calls of all threads, each thread's in their order. Resolves when the program has ended. */
  calls(): Promise<readonly Call[]>;
}

/** Ready for one program. */
export function createTrace(t: TestContext): Trace {
  const folder = mkdtempSync(join(tmpdir(), 'cw-strace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return {
    wrapper: ['env', '-u', 'NODE_COMPILE_CACHE', ...STRACE, '-o', join(folder, 'trace')],
    async calls() {
      const deadline = performance.now() + 10_000;
      for (;;) {
        const threads = readdirSync(folder).map((name) =>
          readFileSync(join(folder, name), 'utf8').split('\n'),
        );
        if (threads.length > 0 && threads.every((lines) => ENDED.test(lines.at(-2) ?? ''))) {
          return threads.flatMap(callsOf);
        }
        if (performance.now() > deadline) throw new Error('strace does not come to its end');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

/** Fails on a line that makes no sense: it could be the one that matters. */
function callsOf(lines: readonly string[]): Call[] {
  const calls: { name: string; args: string; result: string; hex: string[] }[] = [];
  for (const line of lines) {
    if (line === '' || ENDED.test(line)) continue;
    const hex = calls.at(-1)?.hex;
    if (hex && line.startsWith(' * ')) {
      // ` * 72 bytes in buffer 0`
      hex.push('');
    } else if (hex && line.startsWith(' | ')) {
      // ` | 00010  02 00 00 00 34 00 01 80  14 00 01 80 08 00 01 00  ....4........... |`
      hex.push((hex.pop() ?? '') + line.slice(10, 59).replaceAll(' ', ''));
    } else {
      const [, name, args, result] = CALL.exec(line) ?? [];
      if (name === undefined) throw new Error(`strace wrote: ${line}`);
      calls.push({ name, args: args!, result: result!, hex: [] });
    }
  }
  return calls.map(({ hex, ...call }) => ({ ...call, sent: hex.map((each) => Buffer.from(each, 'hex')) }));
}
