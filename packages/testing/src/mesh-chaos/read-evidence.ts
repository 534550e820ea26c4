import type { RedisServer } from '@cortex-runtime/bus/testing/servers';
import type { MessageBus } from '@cortex-runtime/bus';
import { AGENTS_GROUP, agentStream, domainStream, readTaskPayload, readTaskResult, RESULTS_STREAM, TaskPriority } from '@cortex-runtime/dispatch';

import { agentName, chaosDomain, type ChaosTaskPlan } from './chaos-tasks.ts';
import type { MeshEvidence } from './judge-mesh-run.ts';
import type { RecordedOutcome } from './mesh-history.ts';

const pageSize = 1_000;

/** Every stream that tasks of a run are on. */
export function chaosStreams({ agents }: ChaosTaskPlan): string[] {
  return Object.values(TaskPriority).flatMap((priority) => [domainStream(chaosDomain, priority), ...Array.from({ length: agents }, (_, number) => agentStream(agentName(number), priority))]);
}

/** Messages that no agent has settled. */
export async function countLeft(bus: MessageBus, streams: readonly string[]): Promise<number> {
  const statuses = await Promise.all(streams.map((stream) => bus.inspect(stream)));
  return statuses.flatMap(({ groups }) => groups).filter(({ name }) => name === AGENTS_GROUP).reduce((sum, { pending, waiting }) => sum + pending + waiting, 0);
}

/** The results stream, whole, as a stranger reads it. */
export async function readOutcomes(redis: RedisServer, streamPrefix: string): Promise<RecordedOutcome[]> {
  const client = redis.client();
  const outcomes: RecordedOutcome[] = [];
  try {
    for (let from = '-'; ; ) {
      const page = await client.xrange(`${streamPrefix}:${RESULTS_STREAM}`, from, '+', 'COUNT', pageSize);
      for (const [msgId, fields] of page) {
        const { taskId, status, errorCode, attempts, responseText } = readTaskResult(JSON.parse(fields[fields.indexOf('payload') + 1] ?? ''));
        outcomes.push({ taskId, msgId, status, errorCode, attempts, text: responseText });
      }
      const last = page.at(-1);
      if (last === undefined) return outcomes;
      from = `(${last[0]}`;
    }
  } finally {
    client.disconnect();
  }
}

export async function readDeadLetters(bus: MessageBus, streams: readonly string[]): Promise<MeshEvidence['deadLetters']> {
  const found: { taskId: string; errors: readonly string[] }[] = [];
  for (const stream of streams) {
    let after: string | undefined;
    do {
      const page = await bus.deadLetters(stream, { limit: pageSize, ...(after === undefined ? {} : { after }) });
      for (const { payload, errors } of page) found.push({ taskId: readTaskPayload(JSON.parse(Buffer.from(payload).toString())).taskId, errors });
      after = page.at(-1)?.deadLetterId;
    } while (after !== undefined);
  }
  return found;
}
