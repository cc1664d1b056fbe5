/** Whether a canonical address is the loopback of the machine itself: 127.0.0.0/8 (RFC 1122) or ::1 (RFC 4291). */
export function isLoopback(ip: string): boolean {
  return ip === '::1' || (ip.startsWith('127.') && !ip.includes(':'));
}
