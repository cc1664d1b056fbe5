import { closestWord } from '../lib/closest-word.ts';
import { argumentOf, COMMAND_NAMES, type Command, type CommandWithArgument } from './commands.ts';
import { commandHelp, generalHelp } from './help.ts';
import { type Environment, OPTIONS, type Option } from './options.ts';
import { either } from './value-types.ts';

type Rows = typeof OPTIONS;
type ValueOf<Row> = Row extends Option<infer T, Command> ? T : never;

/** The options of a command, each with its value: given, or else the default. */
export type OptionsOf<C extends Command> = {
  readonly [K in keyof Rows as C extends Rows[K]['commands'][number] ? K : never]: ValueOf<Rows[K]>;
};

type ArgumentsOf<C> = C extends CommandWithArgument ? { readonly argument: string } : unknown;

export type CommandLine =
  | { [C in Command]: { readonly command: C; readonly options: OptionsOf<C> } & ArgumentsOf<C> }[Command]
  | { readonly help: string }
  | { readonly version: true };

/** The command line cannot be followed. The message is one line: what, where, why, and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the command line.
 * @param argv the arguments after the program's name
 * @throws UsageError, for exit status 2
 */
export function parseCommandLine(argv: readonly string[], environment: Environment): CommandLine {
  const [word, ...rest] = argv;
  if (word === '--version') return { version: true };
  if (word === '--help' || word === '-h' || word === 'help') return { help: helpFor(rest) };
  if (word === undefined) throw new UsageError(`a command is missing; ${allowedCommands()}`);
  if (word.startsWith('-')) {
    throw new UsageError(`${quoted(word)} comes before the command; ${allowedCommands()}`);
  }
  const command = COMMAND_NAMES.find((name) => name === word);
  if (!command) {
    const hint = suggestion(word, COMMAND_NAMES);
    throw new UsageError(`unknown command ${quoted(word)}${hint}; ${allowedCommands()}`);
  }
  // Whoever asks for help wants it even if the rest of the line is wrong.
  if (rest.includes('--help') || rest.includes('-h')) return { help: commandHelp(command) };
  const { given, argument } = givenTexts(command, rest);
  const options = readOptions(command, given, environment);
  // The loop over the table built exactly the keys of OptionsOf<C>; the type system cannot follow it.
  return { command, options, ...(argument !== undefined && { argument }) } as unknown as CommandLine;
}

/** `help COMMAND` is what other programs have. */
function helpFor([word]: readonly string[]): string {
  const command = COMMAND_NAMES.find((name) => name === word);
  return command ? commandHelp(command) : generalHelp();
}

function readOptions(command: Command, given: ReadonlyMap<string, string>, environment: Environment) {
  const values: Record<string, unknown> = {};
  for (const [name, row] of rowsOf(command)) {
    const text = given.get(row.flag);
    const implied = row.implied?.(environment, (flag) => given.has(flag)) ?? {
      origin: row.flag,
      text: row.defaultText,
    };
    const source = text === undefined ? implied : { origin: row.flag, text };
    const parsed = row.type(source.text);
    if ('problem' in parsed) {
      throw new UsageError(`${command}: ${source.origin} ${quoted(source.text)}: ${parsed.problem}`);
    }
    values[name] = parsed.value;
  }
  return values;
}

interface Given {
  /** The text given for each flag, which is known to be one of the command's and given once. */
  readonly given: ReadonlyMap<string, string>;
  /** Undefined if the command takes none. */
  readonly argument: string | undefined;
}

function givenTexts(command: Command, args: readonly string[]): Given {
  const rows = new Map(rowsOf(command).map(([, row]) => [row.flag as string, row]));
  const given = new Map<string, string>();
  const wanted = argumentOf(command);
  let argument: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith('-') || arg === '-' || arg === '--') {
      if (!wanted || argument !== undefined || arg === '' || arg === '--') {
        const takes = wanted ? `it takes one ${wanted.name}, and options` : 'it takes options only';
        throw new UsageError(`${command}: unexpected argument ${quoted(arg)}; ${takes}`);
      }
      argument = arg;
      continue;
    }
    const [, flag, , attached] = /^([^=]*)(=(.*))?$/s.exec(arg)!;
    const row = rows.get(flag!);
    if (!row) {
      const hint = suggestion(flag!, rows.keys());
      const where = `conntrack-watchdog ${command} --help`;
      throw new UsageError(`${command}: unknown option ${quoted(flag!)}${hint}; "${where}" lists them`);
    }
    if (given.has(row.flag)) throw new UsageError(`${command}: ${row.flag} is given twice`);
    if (typeof row.value !== 'string') {
      const { standsFor, word } = row.value;
      if (attached !== undefined && attached !== word) {
        const but = word === undefined ? '' : ` but ${word}`;
        throw new UsageError(`${command}: ${row.flag} takes no value${but}`);
      }
      if (attached === undefined && word !== undefined && args[i + 1] === word) i++;
      given.set(row.flag, standsFor);
      continue;
    }
    const next = args[i + 1];
    // A value that starts with "-" is nearly always the next option, its own value forgotten.
    const text = attached ?? (next?.startsWith('-') ? undefined : next);
    if (!text) {
      throw new UsageError(`${command}: ${row.flag} needs a value: ${row.flag} ${row.value}`);
    }
    if (attached === undefined) i++;
    given.set(row.flag, text);
  }
  if (wanted && argument === undefined) {
    throw new UsageError(`${command}: ${wanted.name} is missing: ${wanted.help}`);
  }
  return { given, argument };
}

/** The rows of a command with the names of their values. */
function rowsOf(command: Command): [string, Option<unknown, Command>][] {
  const rows: [string, Option<unknown, Command>][] = Object.entries(OPTIONS);
  return rows.filter(([, row]) => row.commands.includes(command));
}

function allowedCommands(): string {
  return `allowed is ${either(COMMAND_NAMES)}, "conntrack-watchdog --help" tells more`;
}

function suggestion(word: string, candidates: Iterable<string>): string {
  const closest = closestWord(word, candidates);
  return closest === undefined ? '' : ` (did you mean ${closest}?)`;
}

/** Foreign text inside a one-line message: quoted, control characters escaped, cut when long. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
