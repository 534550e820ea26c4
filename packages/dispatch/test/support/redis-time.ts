import type { Redis } from 'ioredis';

/** The clock of a server can not be moved: instead the ends of all keys come nearer, and what is past goes. */
export async function ageKeys(redis: Redis, prefix: string, ms: number): Promise<void> {
  for (const key of await redis.keys(`${prefix}:*`)) {
    const leftMs = await redis.pttl(key);
    if (leftMs >= 0) await redis.pexpire(key, Math.max(leftMs - ms, 0));
  }
}

/** The same for what a registry remembers of presence: every time in it is moved into the past. */
export async function agePresence(redis: Redis, agentsKey: string, ms: number): Promise<void> {
  for (const [field, value] of Object.entries(await redis.hgetall(agentsKey))) {
    if (field === 'swept' || field.startsWith('at:')) await redis.hset(agentsKey, field, value.replaceAll(/^\d+/gm, (time) => String(Math.max(Number(time) - ms, 0))));
  }
}
