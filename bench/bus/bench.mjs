/** What does a message cost, on Redis and in memory? `node bench/run.mjs bus [case]` */
import { importSource } from '../../tools/source-bundle.mjs';

export async function bench(only) {
  const { main } = await importSource('bench/bus/bench.ts');
  await main(only);
}
