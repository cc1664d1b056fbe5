import { argumentOf, COMMAND_NAMES, COMMANDS, type Command } from './commands.ts';
import { flagText } from './help.ts';
import { OPTIONS, type Option } from './options.ts';

const PROGRAM = 'conntrack-watchdog';

/** docs/cli.md: the command line, from the tables of commands and options. */
export function manual(): string {
  return [
    `# ${PROGRAM}(1)`,
    '',
    'Made from the tables of commands and options by `npm run generate`; `--help` prints the same.',
    '',
    '## Synopsis',
    '',
    `    ${PROGRAM} COMMAND [OPTION]...`,
    `    ${PROGRAM} --help | --version`,
    '',
    'In a checkout the program is `npm run --silent watchdog -- COMMAND [OPTION]...`, in the image it is on the path.',
    'A value follows its option after a space or an equals sign.',
    `Completion: \`source <(${PROGRAM} completion bash)\`, or zsh.`,
    '',
    '| command | what it does |',
    '| --- | --- |',
    ...COMMAND_NAMES.map((name) => `| [\`${name}\`](#${name}) | ${cell(COMMANDS[name].summary)} |`),
    '',
    ...COMMAND_NAMES.flatMap(commandSection),
    ...CLOSING,
  ].join('\n');
}

function commandSection(name: Command): string[] {
  const { summary, examples } = COMMANDS[name];
  const rows = optionsOf(name).map(
    (row) => `| \`${flagText(row)}\` | ${cell(row.defaultText)} | ${cell(row.help)} |`,
  );
  const argument = argumentOf(name);
  return [
    `## ${name}`,
    '',
    `    ${PROGRAM} ${name}${rows.length === 0 ? '' : ' [OPTION]...'}${argument ? ` ${argument.name}` : ''}`,
    '',
    ...(argument ? [`${argument.name}: ${argument.help}.`, ''] : []),
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    '',
    ...(rows.length === 0 ? [] : ['| option | default | meaning |', '| --- | --- | --- |', ...rows, '']),
    ...examples.flatMap(({ line, what }) => [`- \`${PROGRAM} ${line}\`: ${what}`]),
    '',
  ];
}

function optionsOf(name: Command): readonly Option<unknown, Command>[] {
  const all: readonly Option<unknown, Command>[] = Object.values(OPTIONS);
  return all.filter(({ commands }) => commands.includes(name));
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

const CLOSING = [
  '## Exit status',
  '',
  '| status | meaning |',
  '| --- | --- |',
  '| 0 | fine; also when a signal, or a reader that closed the pipe, ended it |',
  '| 1 | it failed: one line on stderr says what was tried, on what, and why |',
  '| 2 | bad usage or bad input: one line on stderr says what, where, and what is allowed |',
  '| 3 | `doctor` found a problem |',
  '',
  '## Environment',
  '',
  '| variable | meaning |',
  '| --- | --- |',
  '| `NODE_NAME` | the name of the node, unless `--node-name` says it |',
  '| `KUBERNETES_SERVICE_HOST` | set in every container of a cluster: names come from its API server unless `--topology` says otherwise |',
  '| `NO_COLOR` | any value but the empty one: no colours |',
  '',
  '## Signals',
  '',
  'SIGTERM and SIGINT end every command in order, within two seconds. Only `tail` takes up to ten while a slow reader still',
  'takes what was written for it.',
  '',
];
