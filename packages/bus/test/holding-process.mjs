/** A process that takes messages and holds them; on SIGUSR2 it acknowledges, and says how that went. Arguments: url, prefix, how many. */
const [url, streamPrefix, count] = process.argv.slice(2);
const { importSource } = await import('../../../tools/source-bundle.mjs');
const { RedisStreamBus } = await importSource('packages/bus/src/redis/index.ts');
const { systemClock, systemRandom } = await importSource('packages/core/src/node/index.ts');

const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom, identity: 'child' }, { url, streamPrefix, leaseMs: 1_000, sweepMs: 200 });
const held = [];
process.on('SIGUSR2', async () => {
  const outcomes = await Promise.allSettled(held.map((delivery) => delivery.ack()));
  process.stdout.write(`${outcomes.map(({ status, reason }) => (status === 'fulfilled' ? 'ok' : reason.code)).join(',')}\n`);
});
for await (const delivery of bus.subscribe('s', { group: 'g', maxInFlight: Number(count) })) {
  held.push(delivery);
  if (held.length === Number(count)) process.stdout.write('holding\n');
}
