import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { randomHex, type Random } from '@cortex-runtime/core';

const pathOf = (dataDirectory: string) => join(dataDirectory, 'token');

/** The bearer token of a data directory; undefined before the first start. */
export function readToken(dataDirectory: string): string | undefined {
  try {
    const token = readFileSync(pathOf(dataDirectory), 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}

/** The token of the data directory, made at the first start; only its owner can read the file. */
export function ensureToken(dataDirectory: string, random: Random): string {
  const existing = readToken(dataDirectory);
  if (existing !== undefined) return existing;
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const token = `cortex_${randomHex(random, 24)}`;
  const temporary = `${pathOf(dataDirectory)}.${process.pid}`;
  writeFileSync(temporary, `${token}\n`, { mode: 0o600 });
  try {
    linkSync(temporary, pathOf(dataDirectory));
  } catch {
    rmSync(pathOf(dataDirectory), { force: true }); // empty, so nobody used it
    linkSync(temporary, pathOf(dataDirectory));
  } finally {
    rmSync(temporary, { force: true });
  }
  return token;
}
