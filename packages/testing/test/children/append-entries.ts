import { setTimeout as wait } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { CortexError, idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, openDataDirectoryLock } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

/** Appends entries of several agents and says which were acknowledged, each at once and without a buffer. */
const [directory = '', agents = '3', steps = '10', mode = ''] = process.argv.slice(2);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const delay = monitorEventLoopDelay({ resolution: 1 });
const deps = { disk: nodeDisk, clock: systemClock, random: systemRandom, createId: idGenerator({ clock: systemClock, random: systemRandom }) };
try {
  const lock = await openDataDirectoryLock({ ...deps, processes: systemProcessTable(deps) }, directory);
  const journal = await FileJournal.open({ ...deps, lock }, { directory, segmentBytes: 4096 * (mode === 'slow' ? 1000 : 1) });
  say('open');
  delay.enable();
  const startedAt = performance.now();
  let failures = 0;
  await Promise.all(Array.from({ length: Number(agents) }, async (_, agent) => {
    for (let step = 0; step < Number(steps); step += 1) {
      try {
        const { seq, hash } = await journal.append({ processId: `agent-${agent}`, entryType: 'step', data: { step, pad: 'x'.repeat(60) } });
        say(`ack agent-${agent} ${seq} ${hash}`);
        if (mode !== 'slow' && step % 4 === 3) {
          await journal.checkpoint(`agent-${agent}`, { seq, hash, state: { seq } });
          say(`checkpoint agent-${agent} ${seq} ${hash}`);
        }
      } catch (error) {
        failures += 1;
        say(`refused ${CortexError.is(error) ? error.code : String(error)}`);
        if (failures > 3) return;
      }
    }
  }));
  say(`took ${performance.now() - startedAt} ${delay.percentile(99) / 1e6}`);
  await wait(0);
  await journal.close();
  await lock.release();
  say('closed');
} catch (error) {
  say(`failed ${CortexError.is(error) ? error.code : String(error)}`);
}
