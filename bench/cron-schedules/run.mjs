/** `node --expose-gc bench/cron-schedules/run.mjs [name]`; the peers come from `npm install` in this folder. */
import { importSource } from '../../tools/source-bundle.mjs';

const { main } = await importSource('bench/cron-schedules/bench.ts');
await main();
