import type { ProcessRecord } from './process-record.ts';

/**
 * Lets the effects be begun that wait for an approval which was answered, or can not be any more.
 *
 * @param onResume - told of each run before that is recorded
 */
export async function resumeAnswered(record: ProcessRecord, isAnswered: (approvalId: string) => Promise<boolean>, onResume: (runId: string) => void): Promise<void> {
  const waiting = record.effects.deferred();
  const answers = await Promise.all(waiting.map(({ waitsFor }) => isAnswered(String(waitsFor['approval_id']))));
  const answered = waiting.filter((_, index) => answers[index]);
  if (answered.length === 0) return;
  await record.wake(); // it may have left memory meanwhile
  await Promise.all(answered.map(({ effectId, runId }) => {
    onResume(runId);
    return record.effects.resume(effectId);
  }));
}
