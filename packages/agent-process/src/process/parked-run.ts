import type { EffectsState } from '@cortex-runtime/journal';

/** Whether a run can not go on before a person has settled or approved one of its effects. */
export function isParkedRun({ runs }: EffectsState, runId: string): boolean {
  return Object.values(runs[runId] ?? {}).some(({ status }) => status === 'unknown' || status === 'deferred');
}
