import koffi from 'koffi';

// poll.h
const POLLERR = 0x8;
const POLLHUP = 0x10;
/** struct pollfd { int fd; short events; short revents; } */
const SIZEOF_POLLFD = 8;
const POLLFD_REVENTS = 6;

/**
 * Returns what tells whether the other end of a pipe or socket was closed. Who has nothing to write would otherwise not
 * notice that nobody reads any more, and never end.
 */
export function readerGone(fd: number): () => boolean {
  const poll = koffi.load(null).func('int poll(void *, unsigned long, int)');
  const pollfd = new DataView(new ArrayBuffer(SIZEOF_POLLFD));
  const bytes = new Uint8Array(pollfd.buffer);
  pollfd.setInt32(0, fd, true);
  return () => {
    pollfd.setInt16(POLLFD_REVENTS, 0, true);
    return poll(bytes, 1, 0) === 1 && (pollfd.getInt16(POLLFD_REVENTS, true) & (POLLERR | POLLHUP)) !== 0;
  };
}
