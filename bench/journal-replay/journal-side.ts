import { idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, ProcessLog, recoverStates, soleOwnerLock, type Projection } from '@cortex-runtime/journal';

const open = (directory: string) =>
  FileJournal.open({ disk: nodeDisk, clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }), lock: soleOwnerLock() }, { directory });

const total: Projection<{ sum: number }> = {
  name: 'total',
  initial: () => ({ sum: 0 }),
  apply(state, { data }) {
    state.sum += Number(data['amount']);
    return state;
  },
};
const projections = { total };

/** A journal of many agents, each with a checkpoint before its last two entries. */
export async function fill(directory: string, agents: number, each: number): Promise<void> {
  const journal = await open(directory);
  const runId = '01a1fc91-ed55-7e6b-a744-ae63167694fd';
  for (let step = 0; step < each; step += 1) {
    for (let agent = 0; agent < agents; agent += 1) {
      const { durable } = journal.write([{ processId: `agent-${agent}`, entryType: 'tool_result', runId, data: { effect_id: `run/${step}/0`, tool: 'search', content: 'x'.repeat(40), amount: step + 1 } }]);
      if ((step * agents + agent) % 5_000 === 4_999) await durable;
    }
    if (agents > 1 && step === each - 3) {
      await Promise.all(Array.from({ length: agents }, async (_, agent) => {
        const log = new ProcessLog({ journal }, { processId: `agent-${agent}`, projections });
        await log.recover();
        await log.checkpoint();
      }));
    }
  }
  await journal.close();
}

export async function replay(directory: string): Promise<{ entries: number; ms: number }> {
  const journal = await open(directory);
  const begun = performance.now();
  const { entriesReplayed } = await recoverStates(journal, 'agent-0', projections);
  const ms = performance.now() - begun;
  await journal.close();
  return { entries: entriesReplayed, ms };
}

export async function openTimed(directory: string): Promise<{ ms: number }> {
  const begun = performance.now();
  const journal = await open(directory);
  const ms = performance.now() - begun;
  await journal.close();
  return { ms };
}

export async function wake(directory: string): Promise<{ p50: number; p99: number; allMs: number; bytesPerAgent: number }> {
  const before = usedBytes();
  const journal = await open(directory);
  const ids = (await journal.heads()).map(({ processId }) => processId);
  const bytesPerAgent = (usedBytes() - before) / ids.length;
  const times: number[] = [];
  for (let index = 0; index < 2_000; index += 1) {
    const log = new ProcessLog({ journal }, { processId: ids[(index * 7919) % ids.length] ?? '', projections });
    const begun = performance.now();
    await log.recover();
    times.push(performance.now() - begun);
    if (log.states.total.sum !== 55) throw new Error('an agent woke with another state');
  }
  times.sort((a, b) => a - b);
  const begun = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: 100 }, async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) await new ProcessLog({ journal }, { processId: id, projections }).recover();
  }));
  const allMs = performance.now() - begun;
  await journal.close();
  return { p50: times[1_000] ?? Number.NaN, p99: times[1_980] ?? Number.NaN, allMs, bytesPerAgent };
}

function usedBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
