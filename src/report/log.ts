import { pino, stdTimeFunctions } from 'pino';

/** Every `event` a line of the log can have: people filter by it, so it never changes. */
export const LOG_EVENTS = [
  'agent_started',
  'agent_stopping',
  'http_listening',
  'http_failed',
  'status_listening',
  'status_failed',
  'topology_loaded',
  'topology_synced',
  'topology_problem',
  'kernel_setting',
  'events_lost',
  'old_kernel',
  'connection_broken',
  'snapshot_taken',
  'snapshot_failed',
  'blind_entries',
  'sockets_unreadable',
  'keepalive_unknown',
  'connections_at_risk',
  'snapshot_interval',
  'protection_on',
  'protection_started',
  'protection_impossible',
  'protection_unsure',
  'protection_limited',
  'renewals_failed',
  'kubernetes_events_problem',
  'kubernetes_events_recovered',
  'log_held_back',
] as const;
export type LogEvent = (typeof LOG_EVENTS)[number];

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof LEVELS)[number];

/** `message` is one sentence a person can act on; `fields` are snake_case. */
type Write = (event: LogEvent, message: string, fields?: object) => void;
export type Log = Readonly<Record<Level, Write>> & {
  /** Writes out what is still held; gives up after half a second when nobody reads. */
  close(): Promise<void>;
};

export interface LogOptions {
  readonly level: Level | 'silent';
  /** The node's name, on every line. */
  readonly node: string;
  /** Called for each line that had to be dropped because nobody reads stdout. */
  readonly onDropped?: () => void;
  /** Where lines go instead of stdout. */
  readonly destination?: { write(line: string): void };
}

/** Lines held while stdout takes none: some thousand. */
const MAX_HELD_BYTES = 4 * 2 ** 20;
const CLOSE_MS = 500;

/**
 * JSON lines: level, time, node, event, the event's fields, msg. Writing does not wait: whoever reads the pipe slowly,
 * or not at all, must not hold up the watching; lines beyond a bound are dropped.
 */
export function createLog({ level, node, onDropped, destination }: LogOptions): Log {
  const stdout = destination
    ? undefined
    : pino.destination({ dest: 1, sync: false, maxLength: MAX_HELD_BYTES });
  stdout?.on('drop', () => onDropped?.());
  const logger = pino(
    {
      level,
      base: { node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? stdout!,
  );
  const writer =
    (each: Level): Write =>
    (event, message, fields) =>
      logger[each]({ event, ...fields }, message);
  return {
    trace: writer('trace'),
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('fatal'),
    close: () =>
      new Promise((resolve) => {
        if (!stdout) return resolve();
        const timer = setTimeout(resolve, CLOSE_MS);
        stdout.flush(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
