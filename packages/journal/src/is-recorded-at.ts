import { JournalLevel } from './config/index.ts';

/** What is written at level `full` only: the steps inside a run. */
const stepsOfRuns = new Set(['llm_call', 'llm_result', 'tool_call', 'tool_result', 'effect_intent', 'effect_outcome', 'effect_unknown', 'effect_resolved']);

/** Whether a journal of this level keeps entries of this type. At `none` the journal itself is in memory, so everything is kept as long as it lives. */
export function isRecordedAt(level: JournalLevel, entryType: string): boolean {
  return level !== JournalLevel.CHECKPOINT || !stepsOfRuns.has(entryType);
}
