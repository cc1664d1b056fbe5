/** An address with a port as people write it: `10.0.0.1:80`, `[2001:db8::1]:80`. */
export function endpointText(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
