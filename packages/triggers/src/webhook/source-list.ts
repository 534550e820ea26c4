/** Addresses and ranges that may call. */
export interface SourceList {
  allows(address: string): boolean;
}

/** An address as 16 bytes; IPv4 as its IPv6 mapping, so that `::ffff:10.0.0.1` and `10.0.0.1` are one. */
type Address = readonly number[];

/** @returns the list, or what is wrong with the first entry that can not be read; an empty list allows every source */
export function parseSources(entries: readonly string[]): SourceList | { problem: string; index: number } {
  const ranges: { base: Address; bits: number }[] = [];
  for (const [index, entry] of entries.entries()) {
    const range = parseRange(entry.trim());
    if (range === undefined) return { index, problem: `${JSON.stringify(entry.slice(0, 60))} is no address and no range; write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"` };
    ranges.push(range);
  }
  return {
    allows(text) {
      if (ranges.length === 0) return true;
      const address = parseAddress(text);
      return address !== undefined && ranges.some(({ base, bits }) => samePrefix(base, address, bits));
    },
  };
}

function parseRange(entry: string): { base: Address; bits: number } | undefined {
  const slash = entry.indexOf('/');
  const text = slash === -1 ? entry : entry.slice(0, slash);
  const base = parseAddress(text);
  if (base === undefined) return undefined;
  const isV4 = !text.includes(':');
  if (slash === -1) return { base, bits: 128 };
  const suffix = entry.slice(slash + 1);
  const bits = Number(suffix);
  if (!/^\d{1,3}$/.test(suffix) || bits > (isV4 ? 32 : 128)) return undefined;
  return { base, bits: isV4 ? bits + 96 : bits };
}

function samePrefix(a: Address, b: Address, bits: number): boolean {
  for (let at = 0, left = bits; left > 0; at += 1, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if (((a[at] ?? 0) & mask) !== ((b[at] ?? 0) & mask)) return false;
  }
  return true;
}

function parseAddress(text: string): Address | undefined {
  const zoneless = text.replace(/%[\w.-]{1,32}$/, '');
  if (zoneless.length > 45) return undefined;
  if (!zoneless.includes(':')) {
    const v4 = parseV4(zoneless);
    return v4 === undefined ? undefined : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...v4];
  }
  const lastColon = zoneless.lastIndexOf(':');
  const tail = zoneless.slice(lastColon + 1);
  let hex = zoneless;
  if (tail.includes('.')) {
    const v4 = parseV4(tail);
    if (v4 === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = v4;
    hex = `${zoneless.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = hex.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '');
  const rest = halves.length === 2 ? groups(halves[1] ?? '') : [];
  if (head === undefined || rest === undefined) return undefined;
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...rest].flatMap((group) => [group >> 8, group & 0xff]);
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part)) ? parts.map((part) => Number.parseInt(part, 16)) : undefined;
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  // A leading zero means octal to some readers and not to others: refused.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.map(Number);
}
