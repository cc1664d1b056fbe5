/**
 * What the agent may ask of the kernel, call by call: nothing is changed but, where that is allowed, the remaining time of
 * an entry. A call that no rule speaks of is an objection too. Numbers are those of the kernel's headers, not of src/.
 */
import {
  messagesOf,
  type NetlinkMessage,
  netfilterBody,
  type ReadTuple,
  tupleOf,
} from './netlink-messages.ts';
import type { Call } from './strace.ts';

const NEW = 0x100;
const GET = 0x101;
const GET_STATS_CPU = 0x104;
const REQUEST = 0x001;
const ACK = 0x004;
const DUMP = 0x300;
/** CTA_* of linux/netfilter/nfnetlink_conntrack.h */
const TUPLE_REPLY = 2;
const TIMEOUT = 7;
const ZONE = 18;

/** An update of an entry's remaining time. */
export interface Renewal {
  readonly family: number;
  readonly reply: ReadTuple;
  readonly zone: number | undefined;
  readonly timeoutSeconds: number;
}

export interface Judgement {
  /** One for each call that is not allowed: why, and the call. */
  readonly objections: readonly string[];
  /** How often each kind of message was sent to the kernel: `get`, `dump`, `statistics`, `renewal`. */
  readonly sent: Readonly<Record<string, number>>;
  /** The groups that were joined. */
  readonly groups: readonly number[];
  readonly renewals: readonly Renewal[];
}

export function judge(calls: readonly Call[], allowed: { readonly renewals: boolean }): Judgement {
  const objections: string[] = [];
  const sent: Record<string, number> = {};
  const groups: number[] = [];
  const renewals: Renewal[] = [];
  let programs = 0;

  const onMessage = (message: NetlinkMessage): string | undefined => {
    const { type, flags } = message;
    const kind = READS[`${type.toString(16)} ${flags.toString(16)}`];
    if (kind !== undefined) {
      sent[kind] = (sent[kind] ?? 0) + 1;
      return undefined;
    }
    if (!allowed.renewals || type !== NEW || (flags !== REQUEST && flags !== (REQUEST | ACK))) {
      return `a message of type 0x${type.toString(16)}, flags 0x${flags.toString(16)}`;
    }
    const renewal = renewalOf(message);
    if (typeof renewal === 'string') return renewal;
    renewals.push(renewal);
    sent['renewal'] = (sent['renewal'] ?? 0) + 1;
    return undefined;
  };
  const onNetlink = (call: Call): string | undefined => {
    if (call.sent.length === 0) return 'nobody knows what was sent';
    for (const message of messagesOf(Buffer.concat(call.sent))) {
      const why = onMessage(message);
      if (why !== undefined) return why;
    }
    return undefined;
  };
  const why = (call: Call): string | undefined => {
    const { name, args } = call;
    if (name === 'execve') return programs++ === 0 ? undefined : 'another program';
    if (/^(write|writev|send|sendto|sendmsg|sendmmsg)$/.test(name) && /^\d+<NETLINK:/.test(args)) {
      return onNetlink(call);
    }
    const joined = /^\d+<NETLINK:.*, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, \[(\d+)\], 4$/.exec(args);
    if (name === 'setsockopt' && joined) {
      groups.push(Number(joined[1]));
      return undefined;
    }
    // strace answers for the kernel.
    if (name === 'io_uring_setup' && call.result.includes('(INJECTED)')) return undefined;
    return ALLOWED[name]?.some((pattern) => pattern.test(args)) ? undefined : 'no rule allows it';
  };

  for (const call of calls) {
    const objection = why(call);
    const { name, args, result } = call;
    if (objection !== undefined) objections.push(`${objection}: ${name}(${args.slice(0, 300)}) = ${result}`);
  }
  return { objections, sent, groups, renewals };
}

/** Type and flags of messages that change nothing. */
const READS: Readonly<Record<string, string>> = {
  [`${GET.toString(16)} ${REQUEST.toString(16)}`]: 'get',
  [`${GET.toString(16)} ${(REQUEST | DUMP).toString(16)}`]: 'dump',
  [`${GET_STATS_CPU.toString(16)} ${(REQUEST | DUMP).toString(16)}`]: 'statistics',
};

/** Or what is wrong with it. */
function renewalOf({ body, portId }: NetlinkMessage): Renewal | string {
  const { family, version, resource, attributes } = netfilterBody(body);
  const types = attributes.map(({ type }) => type).toSorted((a, b) => a - b);
  const isRight =
    portId === 0 &&
    version === 0 &&
    resource === 0 &&
    (family === 2 || family === 10) &&
    [`${TUPLE_REPLY} ${TIMEOUT}`, `${TUPLE_REPLY} ${TIMEOUT} ${ZONE}`].includes(types.join(' '));
  if (!isRight) return `an update of more than the remaining time, attributes ${types.join(', ')}`;
  const value = (wanted: number) => attributes.find(({ type }) => type === wanted)?.value;
  return {
    family,
    reply: tupleOf(value(TUPLE_REPLY)!),
    zone: value(ZONE)?.readUInt16BE(),
    timeoutSeconds: value(TIMEOUT)!.readUInt32BE(),
  };
}

/** By the name of the call, what its arguments may be. */
const ALLOWED: Readonly<Record<string, readonly RegExp[]>> = {
  openat: [/^[^"]*"[^"]*", (O_RDONLY|O_PATH)(\|(O_CLOEXEC|O_NONBLOCK|O_DIRECTORY|O_NOFOLLOW|O_LARGEFILE))*$/],
  // What it says: log, HTTP, and to itself, to wake threads.
  write: [/^[12]<(UNIX-STREAM|pipe|\/dev\/null)/, /^\d+<(pipe:|anon_inode:\[eventfd\]|TCP:\[)/],
  writev: [/^\d+<TCP:\[/],
  fsync: [/^[12]</],
  socket: [/^AF_NETLINK, SOCK_RAW\|SOCK_CLOEXEC, NETLINK_NETFILTER$/, /^AF_INET6?, SOCK_STREAM\|/],
  // To the kernel nl_pid is 0; no group is joined here.
  bind: [/^\d+<NETLINK:.*nl_groups=00000000\}/, /^\d+<TCP:.*"127\.0\.0\.1"/],
  listen: [/^\d+<TCP:/],
  accept4: [/^\d+<TCP:/],
  shutdown: [/^\d+<TCP:/],
  setsockopt: [
    /^\d+<TCP:/,
    /^\d+<NETLINK:.*, SOL_NETLINK, NETLINK_NO_ENOBUFS, \[1\], 4$/,
    /^\d+<NETLINK:.*, SOL_SOCKET, (SO_RCVBUFFORCE, \[\d+\], 4|SO_ATTACH_FILTER, .*)$/,
  ],
  // Node.js and libuv: their descriptors, threads and limits.
  ioctl: [/, (FIONBIO, \[1\]|FIOCLEX|TCGETS, .*)$/],
  fcntl: [/^[0-2]<.*, (F_GETFL|F_SETFL, .*|F_SETFD, FD_CLOEXEC)$/, /^\d+, F_SETFD, FD_CLOEXEC$/],
  prctl: [/^PR_SET_NAME, /],
  prlimit64: [/, NULL, \{/, /^0, RLIMIT_NOFILE, \{/],
  clone3: [/CLONE_THREAD/],
  clone: [/CLONE_THREAD/],
  pipe2: [/./],
  eventfd2: [/./],
};
