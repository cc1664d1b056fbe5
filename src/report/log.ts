import { pino, stdTimeFunctions } from 'pino';

/** Every `event` a line of the log can have: people filter by it, so it never changes. */
export const LOG_EVENTS = [
  'agent_started',
  'agent_ready',
  'agent_not_ready',
  'agent_stopping',
  'agent_failed',
  'http_listening',
  'http_failed',
  'topology_loaded',
  'topology_failed',
  'kernel_setting',
  'events_lost',
  'old_kernel',
  'message_malformed',
  'table_full',
  'entry_lost',
  'connection_picked_up',
  'connection_broken',
  'log_held_back',
] as const;
export type LogEvent = (typeof LOG_EVENTS)[number];

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof LEVELS)[number];

/** `message` is one sentence a person can act on; `fields` are snake_case. */
type Write = (event: LogEvent, message: string, fields?: object) => void;
export type Log = Readonly<Record<Level, Write>>;

export interface LogOptions {
  readonly level: Level | 'silent';
  /** The node's name, on every line. */
  readonly node: string;
  /** Where lines go instead of stdout. */
  readonly destination?: { write(line: string): void };
}

/** JSON lines: level, time, node, event, the event's fields, msg. */
export function createLog({ level, node, destination }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: { node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: the last line before an exit is the one that says why.
    destination ?? pino.destination({ dest: 1, sync: true }),
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
  };
}
