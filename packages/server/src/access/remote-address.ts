import { BlockList, isIP } from 'node:net';

import { InvalidInputError } from '@cortex-runtime/core';

/** The caller's address, from the connection and the `X-Forwarded-For` header. */
export type RemoteAddress = (connection: string | undefined, forwardedFor: string | undefined) => string;

/**
 * Follows `X-Forwarded-For` from the right, as far as the hops are trusted: what an untrusted hop wrote is not believed.
 *
 * @param trustedProxies - addresses or CIDR ranges
 * @throws InvalidInputError when one is neither
 */
export function createRemoteAddress(trustedProxies: readonly string[]): RemoteAddress {
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    const [address = '', prefix] = proxy.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
    if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 6 ? 128 : 32)) {
      throw new InvalidInputError('trustedProxies', `must be addresses or CIDR ranges such as 10.0.0.0/8, got ${JSON.stringify(proxy)}`);
    }
    trusted.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4');
  }
  const isTrusted = (address: string) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return (connection, forwardedFor) => {
    let current = plainAddress(connection ?? '');
    if (trustedProxies.length === 0 || forwardedFor === undefined || forwardedFor.length > 2_000) return current;
    const hops = forwardedFor.split(',').map((hop) => plainAddress(hop.trim()));
    while (isTrusted(current)) {
      const next = hops.pop();
      if (next === undefined || isIP(next) === 0) break;
      current = next;
    }
    return current;
  };
}

/** An IPv4 caller on a dual-stack socket is an IPv4 caller. */
function plainAddress(address: string): string {
  const bare = address.replace(/^\[(.*)\](?::\d+)?$/, '$1');
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(bare) ? bare.slice(7) : bare;
}
