import { idGenerator, type JsonObject } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, soleOwnerLock, type Journal, type JournalEntry } from '@cortex-runtime/journal';

export const openJournal = (directory: string) =>
  FileJournal.open({ disk: nodeDisk, clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }), lock: soleOwnerLock() }, { directory });

/** About 420 bytes on disk: the result of a small tool call. */
const entryOf = (processId: string, step: number) => {
  const data: JsonObject = { effect_id: `run/${step}/0`, tool: 'search', tool_call_id: `call-${step}`, content: 'x'.repeat(40), is_error: false, duration_ms: 3 };
  return { processId, entryType: 'tool_result', runId: '01a1fc91-ed55-7e6b-a744-ae63167694fd', data };
};

export async function appendInTurn(journal: Journal, count: number): Promise<{ ms: number; lines: Buffer[] }> {
  await journal.append(entryOf('agent', 0)); // opens the segment
  const begun = performance.now();
  for (let step = 0; step < count; step += 1) await journal.append(entryOf('agent', step));
  const ms = performance.now() - begun;
  const line = lineLength(await journal.append(entryOf('agent', 0)));
  return { ms, lines: Array.from({ length: count }, () => Buffer.from(`${'x'.repeat(line - 1)}\n`)) };
}

export async function appendTogether(journal: Journal, agents: number, each: number): Promise<{ ms: number; line: string; entry: JournalEntry }> {
  const first = await journal.append(entryOf('agent-0', 0));
  const begun = performance.now();
  await Promise.all(Array.from({ length: agents }, async (_, agent) => {
    for (let step = 0; step < each; step += 1) await journal.append(entryOf(`agent-${agent}`, step));
  }));
  return { ms: performance.now() - begun, entry: first, line: `${'x'.repeat(lineLength(first) - 1)}\n` };
}

/** Bytes of the entry's line in the file, near enough: names in snake_case, version and pointer. */
const lineLength = (entry: object) => JSON.stringify(entry).length + 40;
