import type { BusSettings } from '../config/index.ts';
import { BusUnconfirmedError } from '../errors.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';
import type { Script } from './script.ts';

/** What a script gave, and whether as many replicas have it as must. */
export interface Confirmed {
  readonly reply: Reply;
  /** Undefined when it is: it was carried out all the same, but a fail-over may undo it. */
  readonly problem: BusUnconfirmedError | undefined;
}

/** Whether what is written waits for replicas, and what comes behind it on its connection as well. */
export function asksReplicas({ durability, confirmingReplicas }: BusSettings): boolean {
  return durability === 'strict' && confirmingReplicas > 0;
}

/** Runs a script, and in the strict class waits until enough replicas have what it wrote, half the time of a command or `waitMs`; the script and the question travel together. */
export async function runConfirmed(
  connection: RedisConnection, settings: BusSettings, stream: string, script: Script, keys: readonly string[], args: readonly (string | number | Buffer)[], options: { waitMs?: number } = {},
): Promise<Confirmed> {
  const { durability, confirmingReplicas, socketTimeoutMs } = settings;
  if (durability !== 'strict') return { reply: await connection.script(script, keys, args), problem: undefined };
  const waitMs = Math.min(options.waitMs ?? socketTimeoutMs, Math.ceil(socketTimeoutMs / 2));
  const [reply, replicas] = await connection.scriptThen(script, keys, args, ['WAIT', confirmingReplicas, waitMs]);
  return { reply, problem: Number(replicas) < confirmingReplicas ? new BusUnconfirmedError(stream, Number(replicas), confirmingReplicas) : undefined };
}

/** As `runConfirmed`. @throws BusUnconfirmedError when too few replicas confirm it in time */
export async function runOrThrow(...of: Parameters<typeof runConfirmed>): Promise<Reply> {
  const { reply, problem } = await runConfirmed(...of);
  if (problem !== undefined) throw problem;
  return reply;
}
