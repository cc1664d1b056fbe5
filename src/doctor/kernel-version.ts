import type { CheckResult } from '../model/check.ts';
import { fail, ok, warn } from './result.ts';

export interface KernelFacts {
  /** As Node.js calls it: `linux`. */
  readonly platform: string;
  /** `LE` or `BE`. */
  readonly endianness: string;
  /** `6.1.0-42-amd64`. */
  readonly release: string;
}

const NAME = {
  id: 'kernel',
  title: 'kernel version',
  why: 'Before 5.11 a DESTROY event carries neither state nor remaining time, so an entry that was lost looks like one that ended in order, and its cause is known only if a snapshot or a port id tells it.',
};
const UPGRADE = [
  '# a kernel of 5.11 or newer: the one of Debian 12, Ubuntu 22.04, RHEL 9 or later',
  'uname -r',
];

export function checkKernel({ platform, endianness, release }: KernelFacts): CheckResult {
  if (platform !== 'linux' || endianness !== 'LE') {
    return fail(
      NAME,
      `This is ${platform} ${release}, ${endianness}; it needs Linux on a little-endian machine.`,
      ['# run it on a node of the cluster'],
    );
  }
  const version = kernelVersion(release);
  if (version === undefined) return warn(NAME, `The version of Linux ${release} cannot be read.`, UPGRADE);
  const facts = [
    isAtLeast(version, 5, 11)
      ? 'DESTROY events carry state and remaining time (since 5.11)'
      : 'DESTROY events carry neither state nor remaining time (they do since 5.11)',
    isAtLeast(version, 5, 19)
      ? 'nf_conntrack_events is 2 unless it was set (since 5.19)'
      : 'nf_conntrack_events is 1 unless it was set (2 since 5.19)',
    isAtLeast(version, 6, 14)
      ? 'events have times of their own if nf_conntrack_timestamp is 1 (since 6.14)'
      : 'events have no times of their own (they may since 6.14)',
  ];
  const seen = `Linux ${release}: ${facts.join('; ')}.`;
  return isAtLeast(version, 5, 11) ? ok(NAME, seen) : warn(NAME, seen, UPGRADE);
}

export type KernelVersion = readonly [major: number, minor: number];

/** `6.1.0-42-amd64` is 6, 1. */
export function kernelVersion(release: string): KernelVersion | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

export function isAtLeast([major, minor]: KernelVersion, wantedMajor: number, wantedMinor: number): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
