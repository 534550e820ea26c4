import { describeError } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { BusConnectionError, BusUnsafeServerError } from '../errors.ts';
import { isPassing, type Reply } from './redis-connection.ts';

/** The fields of an INFO reply. */
export function readInfo(text: string): Record<string, string> {
  const lines = text.split('\r\n').map((line) => line.split(':', 2));
  return Object.fromEntries(lines.filter((parts) => parts.length === 2)) as Record<string, string>;
}

/**
 * Refuses servers that drop accepted work by their configuration; runs on every new connection, because a fail-over may have led to another server.
 *
 * @throws BusUnsafeServerError; BusConnectionError while the server reads its data, for it tells nothing true of itself then: with an append-only file it says that it has none
 */
export async function assertServer(run: (args: readonly (string | number)[]) => Promise<Reply>, settings: BusSettings): Promise<void> {
  const info = readInfo(String(await run(['INFO'])));
  if (info['loading'] === '1' || info['async_loading'] === '1') throw new BusConnectionError('look at the server', 'it is reading its data');
  const version = info['redis_version'] ?? '0';
  if (Number(version.split('.')[0]) < 7) throw new BusUnsafeServerError(`version ${version} can not tell how much work waits`, 'use Redis 7 or later, or Valkey');
  const policy = info['maxmemory_policy'] ?? 'noeviction';
  if (Number(info['maxmemory'] ?? 0) > 0 && policy !== 'noeviction') {
    throw new BusUnsafeServerError(`maxmemory-policy ${policy} evicts streams and deduplication ids without telling anyone`, 'set maxmemory-policy noeviction');
  }
  if (settings.durability === 'strict') {
    const appendfsync = await run(['CONFIG', 'GET', 'appendfsync']).then(
      (reply) => String((reply as string[])[1]),
      (error: unknown) => {
        if (isPassing(error)) throw error; // no answer is not a bad one
        return `unknown (${describeError(error)})`;
      },
    );
    if (info['aof_enabled'] !== '1' || appendfsync !== 'always') {
      throw new BusUnsafeServerError(`the strict class needs appendonly yes and appendfsync always (appendonly ${info['aof_enabled'] === '1' ? 'yes' : 'no'}, appendfsync ${appendfsync})`, 'change the server, or choose durability standard');
    }
  } else if (settings.durability === 'standard' && info['aof_enabled'] !== '1') {
    throw new BusUnsafeServerError('the standard class needs an append-only file, and appendonly is no', 'set appendonly yes (redis-cli CONFIG SET appendonly yes), or choose durability memory, where work is lost when the server ends');
  }
}
