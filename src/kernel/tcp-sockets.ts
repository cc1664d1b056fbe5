import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { ipBytes } from '../lib/ip-text.ts';
import type { TcpSocket } from '../model/tcp-socket.ts';
import { type Breathe, findNetworkNamespaces, hasEnded, problemOf } from './network-namespaces.ts';

/** What is read of a namespace, below PID/net. */
const FILES = ['tcp', 'tcp6', 'fib_trie', 'if_inet6'] as const;
type FileName = (typeof FILES)[number];
type OpenFiles = ReadonlyMap<FileName, FileHandle>;

/** A read(2) of /proc returns a page at most, of other files (a copy of /proc) this much. */
const BUFFER_BYTES = 65_536;
const LONGEST_LINE = 1024;
const LOOPBACK_NET = 127;
const LOOPBACK_IPV6 = '00000000000000000000000000000001';

export interface SocketVisitor {
  /** A socket that is connected or was. The object is overwritten with the next one. */
  onSocket(socket: TcpSocket): void;
  /**
   * Whether sockets with this address are wanted; a namespace that has no such address is not read, as reading is dear:
   * each time the kernel walks the hash table of all sockets of the machine. Four words, most significant first, IPv4
   * in the first. The same may come several times.
   */
  wants(v6: boolean, words: Uint32Array): boolean;
  /** An address of a namespace's own, loopback left out, after all of its sockets were visited. */
  onLocalAddress(v6: boolean, words: Uint32Array): void;
}

interface LocalAddress {
  readonly v6: boolean;
  readonly words: Uint32Array;
  readonly isLoopback: boolean;
}

/** decode/tcp-socket.ts, for one file after the other. `end` returns how many lines were malformed. */
export interface SocketReader {
  push(bytes: Uint8Array, onSocket: (socket: TcpSocket) => void): void;
  end(): number;
}

export interface SocketScan {
  /** Namespaces that were looked into. */
  readonly namespaces: number;
  /** Namespaces and processes that could not be read; what ended meanwhile is neither. */
  readonly unreadable: number;
  /** Path and error code of the first of them. */
  readonly problem: string | undefined;
  /** Lines of tcp and tcp6 that made no sense. */
  readonly malformed: number;
}

/**
 * Visits the TCP sockets and addresses of all network namespaces with a process under `proc`, listening sockets left
 * out. Needs no capability. Never throws for what /proc does; what `visitor` throws ends the scan. The kernel goes on
 * while it is read a page at a time: a socket whose neighbour in the hash table comes or goes just then may be
 * missing, or come twice.
 */
export async function scanTcpSockets(
  proc: string,
  visitor: SocketVisitor,
  breathe: Breathe,
  createReader: (v6: boolean) => SocketReader,
): Promise<SocketScan> {
  const search = await findNetworkNamespaces(proc, breathe);
  const buffer = new Uint8Array(BUFFER_BYTES);
  const readers = { tcp: createReader(false), tcp6: createReader(true) };
  const onSocket = (socket: TcpSocket) => {
    if (socket.remotePort !== 0) visitor.onSocket(socket);
  };
  let { unreadable, problem } = search;
  let [namespaces, malformed] = [0, 0];

  const read = async (file: FileHandle, onBytes: (bytes: Uint8Array) => void) => {
    for (;;) {
      const bytesRead = await bytesOf(file, buffer);
      if (bytesRead === 0) return;
      onBytes(buffer.subarray(0, bytesRead));
      const pause = breathe();
      if (pause !== undefined) await pause;
    }
  };
  const readSockets = async (file: FileHandle | undefined, reader: SocketReader) => {
    try {
      if (file !== undefined) await read(file, (bytes) => reader.push(bytes, onSocket));
    } finally {
      malformed += reader.end();
    }
  };
  const readNamespace = async (files: OpenFiles) => {
    const [fibTrie, ifInet6] = [files.get('fib_trie'), files.get('if_inet6')];
    const addresses: LocalAddress[] = [];
    if (fibTrie !== undefined) await read(fibTrie, inLines(ipv4Addresses(addresses)));
    if (ifInet6 !== undefined) await read(ifInet6, inLines(ipv6Addresses(addresses)));
    if (addresses.length > 0 && !addresses.some(({ v6, words }) => visitor.wants(v6, words))) return;
    await readSockets(files.get('tcp'), readers.tcp);
    await readSockets(files.get('tcp6'), readers.tcp6);
    for (const { v6, words, isLoopback } of addresses) {
      if (!isLoopback) visitor.onLocalAddress(v6, words);
    }
  };

  for (const { inode, pids } of search.namespaces) {
    for (const pid of pids) {
      const directory = join(proc, pid, 'net');
      try {
        const files = await openFiles(directory, inode);
        if (files === undefined) continue; // It ended: the next one.
        await readNamespace(files).finally(() => close(files));
        namespaces += 1;
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        unreadable += 1;
        problem ??= problemOf(directory, error.cause);
      }
      break;
    }
  }
  return { namespaces, unreadable, problem, malformed };
}

/** Marks what /proc did, apart from what a visitor throws. `cause` is the system's error. */
class Unreadable extends Error {
  constructor(cause: unknown) {
    super('unreadable', { cause });
  }
}

async function bytesOf(file: FileHandle, buffer: Uint8Array): Promise<number> {
  try {
    return (await file.read(buffer, 0, buffer.length, null)).bytesRead;
  } catch (error) {
    throw new Unreadable(error);
  }
}

/**
 * Opens all files of a namespace before any is read: open, they stay readable when the process ends, and nothing has
 * been visited when it ends before. A file this kernel does not have (IPv6 is off) is left out. Undefined when the
 * process ended, or its PID was given to one of another namespace.
 */
async function openFiles(directory: string, inode: number): Promise<OpenFiles | undefined> {
  const files = new Map<FileName, FileHandle>();
  try {
    for (const name of FILES) {
      const file = await open(join(directory, name)).catch((error: unknown) => {
        if (!hasEnded(error)) throw error;
      });
      if (file !== undefined) files.set(name, file);
    }
    const still = files.has('tcp') && statSync(join(directory, 'tcp')).ino === inode;
    if (still) return files;
    await close(files);
    return undefined;
  } catch (error) {
    await close(files);
    if (hasEnded(error)) return undefined;
    throw new Unreadable(error);
  }
}

async function close(files: OpenFiles): Promise<void> {
  await Promise.all([...files.values()].map((file) => file.close()));
}

/** Whole lines of the bytes, which are ASCII. */
function inLines(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  let cut = '';
  return (bytes) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const lines = (cut + text).split('\n');
    cut = lines.pop()!.slice(0, LONGEST_LINE);
    lines.forEach(onLine);
  };
}

/** Lines of fib_trie: an address, below it what routes there are for it, by prefix length, scope and type. */
function ipv4Addresses(found: LocalAddress[]): (line: string) => void {
  let address = '';
  return (line) => {
    const leaf = line.indexOf('|-- ');
    if (leaf !== -1) address = line.slice(leaf + '|-- '.length);
    else if (line.includes('/32 host LOCAL') && isIPv4(address)) {
      const bytes = ipBytes(address);
      const words = Uint32Array.of(new DataView(bytes.buffer).getUint32(0), 0, 0, 0);
      found.push({ v6: false, words, isLoopback: bytes[0] === LOOPBACK_NET });
    }
  };
}

/** Lines of if_inet6: the address as 32 digits, then interface, prefix length, scope, flags and name. */
function ipv6Addresses(found: LocalAddress[]): (line: string) => void {
  return (line) => {
    const [digits = ''] = line.split(' ', 1);
    if (!/^[0-9a-f]{32}$/.test(digits)) return;
    const words = Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(digits.slice(at, at + 8), 16));
    found.push({ v6: true, words, isLoopback: digits === LOOPBACK_IPV6 });
  };
}
