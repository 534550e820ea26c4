import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import type { WaitingEffectList } from '@cortex-runtime/orchestration-client/contract';

export type FoundEffect = WaitingEffectList['effects'][number] & { process: string };

/** The effects that wait for a person, of one agent or of all. */
export async function findWaitingEffects(client: OrchestrationClient, name?: string): Promise<FoundEffect[]> {
  const names = name === undefined ? Object.values((await client.runtimeStatus()).processes).filter(({ waitingEffects }) => waitingEffects > 0).map((status) => status.name) : [name];
  const found: FoundEffect[] = [];
  for (const each of names) for (const effect of await client.listWaitingEffects(each)) found.push({ ...effect, process: each });
  return found;
}
