import koffi from 'koffi';
import { AF_NETLINK, NETLINK_NETFILTER } from '../lib/ctnetlink.ts';
import { kernelError } from './errors.ts';

// bits/socket.h
const SOCK_RAW = 3;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;

/** A bare file descriptor, that nobody polls. Throws a KernelError. */
export function openNetfilterSocket(attempt: string): number {
  return open(attempt, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}

/** A UDP socket, to ask for options of the address family. Throws a KernelError. */
export function openInternetSocket(attempt: string, family: number): number {
  return open(attempt, family, SOCK_DGRAM, 0);
}

export function closeSocket(fd: number): void {
  libc().close(fd);
}

function open(attempt: string, family: number, type: number, protocol: number): number {
  const fd: number = libc().socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw kernelError(attempt, koffi.errno());
  return fd;
}

let bound: ReturnType<typeof bind> | undefined;

/** Bound once: there is a dump every minute. */
function libc() {
  bound ??= bind();
  return bound;
}

function bind() {
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    close: library.func('int close(int)'),
  };
}
