/** `node holder.mjs REDIS_URL`: an agent with default settings that holds its task until it is told to finish. */
import { importSource } from '../../tools/source-bundle.mjs';

const { holdTasks } = await importSource('bench/tasks/holder.ts');
await holdTasks(process.argv[2]);
