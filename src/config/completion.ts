import { argumentOf, COMMAND_NAMES, COMMANDS, type Command } from './commands.ts';
import { OPTIONS, type Option } from './options.ts';
import { UsageError } from './parse.ts';
import { either, type ValueType } from './value-types.ts';

/*
 * Completion for shells, from the tables of commands and options: commands, the options of a command, and the values of
 * those that have a closed list of them. Other values are completed as files.
 */

const PROGRAM = 'conntrack-watchdog';
const HELP = { flag: '--help', help: 'the options of the command' };

/** @throws UsageError for a shell there is none for */
export function completion(shell: string): string {
  if (shell === 'bash') return bash();
  if (shell === 'zsh') return zsh();
  const { choices = [] } = argumentOf('completion') ?? {};
  throw new UsageError(`completion: ${JSON.stringify(shell)}: unknown; allowed is ${either(choices)}`);
}

/** bash splits `--flag=value` into three words, as "=" is in COMP_WORDBREAKS. */
function bash(): string {
  const values = bashValues().map(([pattern, words]) => `    ${pattern}) ${words} ;;`);
  const commands = COMMAND_NAMES.map((name) => {
    const words = [
      ...optionsOf(name).map(({ flag }) => flag),
      HELP.flag,
      ...(argumentOf(name)?.choices ?? []),
    ];
    return `      ${name}) words='${words.join(' ')}' ;;`;
  });
  return `# bash completion for ${PROGRAM}: source <(${PROGRAM} completion bash)
_conntrack_watchdog() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words='' value=1
  if [[ $cur == '=' ]]; then cur=; elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case \${COMP_WORDS[1]}:$prev in
${values.join('\n')}
    *) value= ;;
  esac
  if [[ -z $value ]]; then
    case \${COMP_WORDS[1]} in
${commands.join('\n')}
    esac
    if [[ $COMP_CWORD == 1 ]]; then words='${[...COMMAND_NAMES, HELP.flag, '--version'].join(' ')}'; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _conntrack_watchdog ${PROGRAM}
`;
}

/** Patterns of `COMMAND:--flag`, each with what is offered for its value; an option may be another one elsewhere. */
function bashValues(): readonly (readonly [pattern: string, words: string])[] {
  return [...new Set(valued().map(({ flag }) => flag))].flatMap((flag) => {
    const rows = valued().filter((row) => row.flag === flag);
    const isSwitchElsewhere = allOptions().some((row) => row.flag === flag && typeof row.value !== 'string');
    if (!isSwitchElsewhere && new Set(rows.map(bashValue)).size === 1)
      return [[`*:${flag}`, bashValue(rows[0]!)]];
    return rows.map(
      (row) => [row.commands.map((name) => `${name}:${flag}`).join('|'), bashValue(row)] as const,
    );
  });
}

/** The words of a closed list; for a path nothing, which is files; for any other value not even those. */
function bashValue({ type, value }: Option<unknown, Command>): string {
  if (type.choices) return `words='${type.choices.join(' ')}'`;
  return value === 'PATH' ? ':' : 'compopt +o default';
}

function zsh(): string {
  const commands = COMMAND_NAMES.map((name) => `    '${name}:${quoted(COMMANDS[name].summary)}'`);
  const cases = COMMAND_NAMES.map((name) => {
    const specs = [
      ...optionsOf(name).map(zshSpec),
      `'(- *)${HELP.flag}[${HELP.help}]'`,
      ...zshArgument(name),
    ];
    return `    ${name}) _arguments ${specs.join(' \\\n      ')} ;;`;
  });
  return `#compdef ${PROGRAM}
# zsh completion for ${PROGRAM}: source <(${PROGRAM} completion zsh)
_conntrack_watchdog() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _conntrack_watchdog ${PROGRAM}
`;
}

function zshSpec({ flag, value, help, type: { choices } }: Option<unknown, Command>): string {
  const text = quoted(help).replaceAll(/[[\]:]/g, (character) => `\\${character}`);
  if (typeof value !== 'string') return `'${flag}[${text}]'`;
  return `'${flag}=[${text}]:${value.replaceAll(':', '\\:')}:${zshValue(value, choices)}'`;
}

function zshValue(value: string, choices: ValueType<unknown>['choices']): string {
  if (choices) return zshChoices(choices);
  return value === 'PATH' ? '_files' : ' ';
}

/** A colon would end the list. */
function zshChoices(choices: readonly (string | number)[]): string {
  return `(${choices.join(' ').replaceAll(':', '\\:')})`;
}

function zshArgument(name: Command): string[] {
  const argument = argumentOf(name);
  if (!argument) return [];
  const { choices } = argument;
  return [`'1:${argument.help.replaceAll(/[:']/g, ' ')}:${choices ? zshChoices(choices) : '_files'}'`];
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function optionsOf(name: Command): readonly Option<unknown, Command>[] {
  return allOptions().filter(({ commands }) => commands.includes(name));
}

/** Those that take a value. */
function valued(): readonly Option<unknown, Command>[] {
  return allOptions().filter(({ value }) => typeof value === 'string');
}

function allOptions(): readonly Option<unknown, Command>[] {
  return Object.values(OPTIONS);
}
