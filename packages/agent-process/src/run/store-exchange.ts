import { describeError, type Logger } from '@cortex-runtime/core';
import type { EffectLog } from '@cortex-runtime/journal';
import type { TriggerEvent } from '@cortex-runtime/triggers';

import type { AgentContext } from '../context/agent-context.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface ExchangeToStore {
  context: AgentContext;
  effects: EffectLog;
  logger: Logger;
  processName: string;
  runId: string;
  signal: AbortSignal;
}

/** Keeps what an agent answered in its long-term memory, once: the memory's id is the run's. A memory that is down does not stop a run. */
export async function storeExchange({ context, effects, logger, processName, runId, signal }: ExchangeToStore, { eventId, triggerType }: TriggerEvent, response: string): Promise<void> {
  if (context.memory === undefined || response.trim() === '') return;
  const metadata = { agent: processName, run_id: runId, event_id: eventId, source: `${triggerType} ${eventId}` };
  try {
    await effects.run({ effectId: `${runId}/memory`, runId, kind: 'memory', name: 'store_exchange', input: { memory_id: runId }, onUnknown: 'retry' }, async () => {
      await unlessAborted(context.addMemory(response, { memoryId: runId, metadata }), signal);
      return null;
    });
  } catch (error) {
    signal.throwIfAborted(); // the run is taken up again, and this with it
    logger.warn({ runId, error: describeError(error) }, 'the exchange could not be stored in memory');
  }
}
