import { wrapText } from '../lib/wrap-text.ts';
import { argumentOf, COMMAND_NAMES, COMMANDS, type Command } from './commands.ts';
import { OPTIONS, type Option } from './options.ts';

const WIDTH = 100;
const PROGRAM = 'conntrack-watchdog';

/** The help of the program: its commands. */
export function generalHelp(): string {
  const rows = COMMAND_NAMES.map((name): Row => [name, COMMANDS[name].summary]);
  return lines(
    `Usage: ${PROGRAM} COMMAND [OPTION]...`,
    '',
    ...wrapText(
      'Finds TCP connections through Kubernetes Services that break because the kernel lost their conntrack entry, and says which, why and where.',
      WIDTH,
    ),
    '',
    'Commands:',
    ...columns(rows),
    '',
    'Options:',
    ...columns([
      ['-h, --help', 'this text; after a command, the options of that command'],
      ['--version', 'the version'],
    ]),
  );
}

/** The help of one command: its options with their defaults, and examples. */
export function commandHelp(command: Command): string {
  const { summary, examples } = COMMANDS[command];
  const options: readonly Option<unknown, Command>[] = Object.values(OPTIONS);
  const rows = options
    .filter((option) => option.commands.includes(command))
    .map((option): Row => [flagText(option), `${option.help} (default: ${option.defaultText})`]);
  const argument = argumentOf(command);
  return lines(
    `Usage: ${PROGRAM} ${command} [OPTION]...${argument ? ` ${argument.name}` : ''}`,
    '',
    ...wrapText(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`, WIDTH),
    '',
    ...(argument ? [...columns([[argument.name, argument.help]]), ''] : []),
    'Options:',
    ...columns([...rows, ['-h, --help', 'this text']]),
    '',
    'Examples:',
    ...examples.flatMap(({ line, what }) => [`  ${PROGRAM} ${line}`, `      ${what}`]),
  );
}

type Row = readonly [left: string, right: string];

/** The flag with its value, as usage lines have it. */
export function flagText({ flag, value }: Pick<Option<unknown, Command>, 'flag' | 'value'>): string {
  if (typeof value === 'string') return `${flag} ${value}`;
  return value.word === undefined ? flag : `${flag}[=${value.word}]`;
}

function columns(rows: readonly Row[]): string[] {
  const indent = 4 + Math.max(...rows.map(([text]) => text.length));
  return rows.flatMap(([first, second]) =>
    wrapText(second, WIDTH - indent).map((line, i) => `  ${i === 0 ? first : ''}`.padEnd(indent) + line),
  );
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`;
}
