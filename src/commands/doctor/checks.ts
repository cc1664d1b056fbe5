import { endianness, release } from 'node:os';
import type { OptionsOf } from '../../config/parse.ts';
import { countIpvsServices } from '../../decode/ipvs-services.ts';
import { dataPlanes } from '../../doctor/data-planes.ts';
import { checkBlindEntries, checkEvents, checkTimestamps } from '../../doctor/events.ts';
import { checkKernel } from '../../doctor/kernel-version.ts';
import { checkProcesses } from '../../doctor/processes.ts';
import { checkProxyMode, type IpvsFacts, type ProxyFacts } from '../../doctor/proxy-mode.ts';
import { countServiceRules } from '../../doctor/service-chains.ts';
import { checkCtnetlink, checkFilter, checkReceiveBuffer } from '../../doctor/subscribing.ts';
import { checkStats, checkTable, checkZones } from '../../doctor/table.ts';
import { checkTcpBeLiberal, checkTcpLoose } from '../../doctor/tcp-settings.ts';
import { checkTimeouts } from '../../doctor/timeouts.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readBpfNames, readInterfaces, readIpvs } from '../../kernel/data-plane-signs.ts';
import { KernelError } from '../../kernel/errors.ts';
import { findListeners } from '../../kernel/netlink-sockets.ts';
import { countProcesses, findNetworkNamespaces } from '../../kernel/network-namespaces.ts';
import { readSettings, readSysctl } from '../../kernel/settings.ts';
import { tryEventSocket } from '../../kernel/socket-trial.ts';
import { NETLINK_NETFILTER, NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW } from '../../lib/ctnetlink.ts';
import { timeoutsFrom } from '../../lib/tcp-timeouts.ts';
import type { CheckResult } from '../../model/check.ts';
import { readStats } from '../shared/read-stats.ts';
import { checkTopology } from './api.ts';
import { countEntries, probeCtnetlink, readChains } from './kernel.ts';

/** A check with the facts it reads. `id` and `title` are for when it fails to run. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly run: () => CheckResult | readonly CheckResult[] | Promise<CheckResult | readonly CheckResult[]>;
}

/** All checks, in the order in which they are shown. Facts that several need are read once. */
export function doctorChecks(
  options: OptionsOf<'doctor'>,
  clock: Clock,
  stop: AbortSignal,
): readonly Check[] {
  const { procPath, receiveBufferBytes } = options;
  const { settings, unreadable } = readSettings(procPath);
  const of = (name: Parameters<typeof settings.get>[0]) => settings.get(name);
  const entries = once(() => countEntries(clock, stop).catch(orUndefined));
  const trial = once(() => trySocket(receiveBufferBytes));
  const ipvs = once(() => ipvsFacts(procPath));
  const events = of('nf_conntrack_events');

  return [
    check('kernel', 'kernel version', () =>
      checkKernel({ platform: process.platform, endianness: endianness(), release: release() }),
    ),
    check('events', 'conntrack events', () => checkEvents({ events, unreadable })),
    check('ctnetlink', 'ctnetlink and capability', () => checkCtnetlink(probeCtnetlink())),
    check('filter', 'event filter', () => checkFilter(trial().filterError)),
    check('receive_buffer', 'receive buffer', () =>
      checkReceiveBuffer({
        askedBytes: receiveBufferBytes,
        grantedBytes: trial().receiveBufferBytes,
        problem: trial().receiveBufferError,
        rmemMax: readSysctl(procPath, 'net/core/rmem_max'),
      }),
    ),
    check('tcp_loose', 'mid-stream pickup', () => checkTcpLoose(of('nf_conntrack_tcp_loose'))),
    check('tcp_be_liberal', 'packets out of window', () =>
      checkTcpBeLiberal(of('nf_conntrack_tcp_be_liberal')),
    ),
    check('timeouts', 'timeouts and keepalive', () =>
      checkTimeouts({
        timeouts:
          of('nf_conntrack_tcp_timeout_established') === undefined ? undefined : timeoutsFrom(settings),
        keepaliveSeconds: readSysctl(procPath, 'net/ipv4/tcp_keepalive_time'),
        ipvs: (ipvs()?.services ?? 0) > 0,
      }),
    ),
    check('proxy_mode', 'proxy mode', async () =>
      checkProxyMode({
        ...rulesFacts(procPath),
        ipvs: ipvs(),
        dataPlanes: dataPlanes(readInterfaces(procPath), readBpfNames()),
        translated: (await entries())?.translated,
      }),
    ),
    check('table', 'conntrack table', () =>
      checkTable({ count: of('nf_conntrack_count'), max: of('nf_conntrack_max') }),
    ),
    check('kernel_stats', 'conntrack statistics', () => checkStats(readStats())),
    check('blind_entries', 'blind entries', async () =>
      checkBlindEntries({ events, listeners: listeners(), translated: (await entries())?.translated }),
    ),
    check('timestamps', 'exact times', () =>
      checkTimestamps({ timestamp: of('nf_conntrack_timestamp'), release: release() }),
    ),
    check('zones', 'conntrack zones', async () => checkZones((await entries())?.zones)),
    check('processes', 'processes of the node', async () => {
      const { namespaces, ...rest } = await findNetworkNamespaces(procPath, () => undefined);
      return checkProcesses({
        procPath,
        namespaces: namespaces.length,
        ...rest,
        ...countProcesses(procPath),
      });
    }),
    check('names', 'names', () => checkTopology(options, clock, stop)),
  ];
}

function check(id: string, title: string, run: Check['run']): Check {
  return { id, title, run };
}

/** Reads when first asked, and then says the same again. */
function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: read() };
    return known.value;
  };
}

/** That the kernel refused is what the check of ctnetlink says. */
function orUndefined(error: unknown): undefined {
  if (!(error instanceof KernelError)) throw error;
}

function trySocket(receiveBufferBytes: number): ReturnType<typeof tryEventSocket> {
  try {
    return tryEventSocket(receiveBufferBytes);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { receiveBufferBytes: undefined, receiveBufferError: error, filterError: error };
  }
}

function ipvsFacts(procPath: string): IpvsFacts | undefined {
  const text = readIpvs(procPath);
  if (text === undefined) return undefined;
  return {
    services: countIpvsServices(text),
    conntrack: readSysctl(procPath, 'net/ipv4/vs/conntrack'),
    sloppyTcp: readSysctl(procPath, 'net/ipv4/vs/sloppy_tcp'),
  };
}

/** What could be read counts if it has Services; that there are none takes all of it. */
function rulesFacts(procPath: string): Pick<ProxyFacts, 'rules' | 'problem'> {
  const { chains, problem } = readChains(procPath);
  const rules = countServiceRules(chains);
  const isKnown = problem === undefined || rules.iptables.services + rules.nftables.services > 0;
  return { rules: isKnown ? rules : undefined, problem };
}

function listeners(): readonly number[] | undefined {
  try {
    return findListeners(NETLINK_NETFILTER, [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY]);
  } catch {
    return undefined;
  }
}
