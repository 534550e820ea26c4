/** `nice node bench/bus/run.mjs [name]`; the peers come from `npm install` in this folder. */
import { importSource } from '../../tools/source-bundle.mjs';

const { main } = await importSource('bench/bus/bench.ts');
await main();
