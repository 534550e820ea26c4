import { BlockList, isIP } from 'node:net';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseSources, type SourceList } from './source-list.ts';

function sources(...entries: string[]): SourceList {
  const list = parseSources(entries);
  if ('problem' in list) throw new Error(list.problem);
  return list;
}

describe('parseSources', () => {
  it('allows every source when the list is empty', () => {
    expect(sources().allows('anything')).toBe(true);
  });

  it('agrees with net.BlockList about addresses and ranges', () => {
    const v4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4());
    const v6 = fc.tuple(fc.ipV6().filter((text) => isIP(text) === 6 && !text.includes('.')), fc.integer({ min: 0, max: 128 }), fc.ipV6().filter((text) => isIP(text) === 6 && !text.includes('.')));
    fc.assert(fc.property(fc.oneof(v4, v6), ([base, bits, address]) => {
      const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
      const oracle = new BlockList();
      oracle.addSubnet(base, bits, family);
      const list = sources(`${base}/${bits}`);
      for (const candidate of [address, base]) expect(list.allows(candidate)).toBe(oracle.check(candidate, family));
    }), { numRuns: 500 });
  });

  it('knows an IPv4 address inside IPv6', () => {
    expect(sources('10.0.0.0/8').allows('::ffff:10.1.2.3')).toBe(true);
    expect(sources('10.0.0.0/8').allows('::ffff:0a01:0203')).toBe(true);
    expect(sources('fe80::/10').allows('fe80::1%eth0')).toBe(true);
  });

  it.each(['10.0.0.256', '10.0.0', '010.0.0.1', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '1:2:3', '::1::2', '12345::', 'localhost', '', '::/129', '1.2.3.4/-1', ':1', '1:2:3:4:5:6:7:8:9', '0x7f.1'])('refuses %s', (entry) => {
    expect(parseSources(['127.0.0.1', entry])).toMatchObject({ index: 1 });
  });
});
