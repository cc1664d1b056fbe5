import { type Namespace, spawnIn } from '../../src/lab/namespace.ts';
import { childrenOf } from './leaks.ts';
import { eventSocket, untilTrue } from './tail-process.ts';

/** A `tail` that writes to a terminal. */
export interface Terminal {
  readonly listening: Promise<void>;
  text(): string;
  untilText(wanted: string): Promise<string>;
  /** What is typed: `\x13` is Ctrl-S, `\x11` Ctrl-Q, `\x03` Ctrl-C. */
  type(keys: string): void;
  readonly ended: Promise<number | null>;
  /** The program's own pid, once it listens. */
  pid(): number;
}

/** Runs a command of the shell on a terminal that script(1) makes; the command must become `tail` by exec. */
export function startTerminal(namespace: Namespace, command: string): Terminal {
  const child = spawnIn(namespace, 'script', ['-qefc', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  let pid: number | undefined;
  const findPid = () => {
    pid = childrenOf(child.pid!).find((each) => eventSocket(each) !== undefined);
    return pid !== undefined;
  };
  return {
    listening: untilTrue(findPid, () => `nothing listens on the terminal: ${text}`),
    text: () => text,
    async untilText(wanted) {
      await untilTrue(
        () => text.includes(wanted),
        () => `no ${wanted} on the terminal: ${text.slice(-5000)}`,
      );
      return text;
    },
    type: (keys) => void child.stdin!.write(keys),
    ended: new Promise((resolve) => child.once('close', resolve)),
    pid: () => pid!,
  };
}
