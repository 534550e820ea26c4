/** What does a cron job cost, and how late is it? `node bench/run.mjs cron-schedules [case]` */
import { importSource } from '../../tools/source-bundle.mjs';

export async function bench(only) {
  const { main } = await importSource('bench/cron-schedules/bench.ts');
  await main(only);
}
