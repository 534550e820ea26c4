import type { BusSettings } from '../config/index.ts';
import { BusUnconfirmedError } from '../errors.ts';
import type { RedisConnection } from './redis-connection.ts';

/**
 * In the strict class, waits until enough replicas have what was just sent; `sent` and the question travel together.
 *
 * @throws BusUnconfirmedError when they do not in time: it was carried out, but a fail-over may undo it
 */
export async function confirmed<T>(connection: RedisConnection, settings: BusSettings, stream: string, sent: Promise<T>): Promise<T> {
  if (settings.durability !== 'strict') return sent;
  const confirming = connection.command(['WAIT', settings.confirmingReplicas, Math.ceil(settings.socketTimeoutMs / 2)]);
  // When both fail, the first failure is the telling one.
  confirming.catch(() => {});
  const reply = await sent;
  const replicas = Number(await confirming);
  if (replicas < settings.confirmingReplicas) throw new BusUnconfirmedError(stream, replicas, settings.confirmingReplicas);
  return reply;
}
