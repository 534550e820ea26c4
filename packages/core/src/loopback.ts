import { isIP } from 'node:net';

/** True for names and addresses that only this machine can reach. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name.startsWith('::ffff:127.');
}

/** The host name of a `Host` header or of an origin's authority, without its port; undefined when it is not one. */
export function hostnameOf(authority: string): string | undefined {
  if (!/^[A-Za-z0-9._:[\]-]{1,260}$/.test(authority)) return undefined;
  try {
    return new URL(`http://${authority}`).hostname;
  } catch {
    return undefined;
  }
}
