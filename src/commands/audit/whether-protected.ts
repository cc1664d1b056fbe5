import type { OptionsOf } from '../../config/parse.ts';
import { askAgent } from './ask-agent.ts';

type Options = Pick<OptionsOf<'audit'>, 'auditProtect' | 'agentStatus' | 'protectMaxIdleMs' | 'topology'>;

export interface Protection {
  /** How long a connection may be idle and still is protected; undefined: nothing is. */
  readonly maxIdleMs: number | undefined;
  /** What is not known of it. */
  readonly notes: readonly string[];
}

/** Whether the entries of this node are renewed: as the options say, or else as its agent does. */
export async function whetherProtected(options: Options, stop: AbortSignal): Promise<Protection> {
  const { maxIdleMs, notes } = await modeOf(options, stop);
  if (maxIdleMs === undefined || options.topology.kind !== 'none') return { maxIdleMs, notes };
  const note =
    'entries of connections through known Services are renewed, and without names none is known, so these may be protected: give --topology kubernetes, or file:PATH';
  return { maxIdleMs, notes: [...notes, note] };
}

async function modeOf(options: Options, stop: AbortSignal): Promise<Protection> {
  const { auditProtect: mode, agentStatus, protectMaxIdleMs } = options;
  if (mode === 'off') return { maxIdleMs: undefined, notes: [] };
  if (mode === 'renew') return { maxIdleMs: protectMaxIdleMs, notes: [] };
  const answer = agentStatus ? await askAgent(agentStatus, stop) : { problem: '--status-listen is off' };
  if ('protect' in answer) {
    return { maxIdleMs: answer.protect === 'renew' ? answer.maxIdleMs : undefined, notes: [] };
  }
  // Where nothing was said there may well be no agent, and then nothing is protected.
  const notes =
    mode === undefined
      ? []
      : [`whether an agent renews entries is not known, so none is taken to: ${answer.problem}`];
  return { maxIdleMs: undefined, notes };
}
