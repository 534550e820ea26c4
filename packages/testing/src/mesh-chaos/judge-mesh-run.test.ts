import { describe, expect, it } from 'vitest';

import type { ChaosTaskKind } from './chaos-tasks.ts';
import { judgeMeshRun, type MeshEvidence } from './judge-mesh-run.ts';
import type { MeshRecord, RecordedOutcome } from './mesh-history.ts';

const kinds: Record<string, ChaosTaskKind> = { good: 'plain', again: 'plain', poison: 'throws', deadly: 'kills', unwanted: 'cancelled', late: 'cancelled', unlucky: 'plain' };
const answerTo = (taskId: string) => `done: ${taskId}`;
const success = (taskId: string, msgId: string, attempts = 1): RecordedOutcome => ({ taskId, msgId, status: 'success', errorCode: null, attempts, text: answerTo(taskId) });
const failure = (taskId: string, msgId: string, errorCode: string, attempts: number | null = 3): RecordedOutcome => ({ taskId, msgId, status: 'failure', errorCode, attempts, text: null });

const outcomes = [
  success('good', 'r1'), success('again', 'r2', 2), failure('poison', 'r3', 'Error'), failure('deadly', 'r4', 'DISPATCH_EXHAUSTED'), failure('unwanted', 'r5', 'DISPATCH_CANCELLED', null),
  success('late', 'r6'), failure('unlucky', 'r7', 'DISPATCH_EXHAUSTED'),
];
const told = (outcome: RecordedOutcome): MeshRecord => ({ at: 'told', ...outcome });
const began = (taskId: string, attempt: number, key = taskId): MeshRecord => ({ at: 'began', taskId, attempt, key });
const effect = (taskId: string): MeshRecord => ({ at: 'effect', taskId });
const handedIn = (taskId: string, msgId = `m-${taskId}`): MeshRecord[] => [{ at: 'submitting', taskId }, { at: 'accepted', taskId, msgId }];

const submitter: MeshRecord[] = [
  ...Object.keys(kinds).flatMap((taskId) => handedIn(taskId)),
  { at: 'cancelled', taskId: 'unwanted', isCancelled: true }, { at: 'cancelled', taskId: 'late', isCancelled: false },
  ...outcomes.map(told),
];
/** Its first life is killed with `again`, and it is told to stop while it works on `late`. */
const worker: Record<string, MeshRecord[]> = {
  'worker-0.0': [began('good', 1), effect('good'), began('again', 1), effect('again')],
  'worker-0.1': [began('again', 2), effect('again'), ...[1, 2, 3].flatMap((attempt) => [began('poison', attempt), effect('poison')]), began('late', 1)],
  'worker-0.2': [began('late', 1), effect('late'), began('deadly', 1)],
};

function good(): MeshEvidence {
  return {
    kinds: new Map(Object.entries(kinds)),
    histories: new Map([['submitter-0.0', submitter], ...Object.entries(worker)]),
    ends: new Map([['worker-0.0', 'killed'], ['worker-0.1', 'told to stop'], ['worker-0.2', 'killed by a task']]),
    outcomes,
    deadLetters: ['poison', 'deadly', 'unlucky'].map((taskId) => ({ taskId, errors: [] })),
    left: 0,
    deliveriesAllowed: 3,
    mayForget: false,
    answerTo,
  };
}

const withRecords = (...records: MeshRecord[]): MeshEvidence => ({ ...good(), histories: new Map([...good().histories, ['submitter-0.1', records]]) });
const withoutRecords = (gone: (record: MeshRecord) => boolean): MeshEvidence => ({ ...good(), histories: new Map([...good().histories].map(([life, records]) => [life, records.filter((record) => !gone(record))])) });
const withOutcome = (outcome: RecordedOutcome): MeshEvidence => ({ ...good(), outcomes: outcomes.map((each) => (each.taskId === outcome.taskId ? outcome : each)) });
const unsettled = (taskId: string) => ({ ...withoutRecords((record) => record.at === 'told' && record.taskId === taskId), outcomes: outcomes.filter((each) => each.taskId !== taskId) });
const rulesOf = (evidence: MeshEvidence) => judgeMeshRun(evidence).findings.map(({ rule }) => rule);

const broken: [name: string, rule: string, evidence: () => MeshEvidence][] = [
  ['an accepted task without an outcome', 'lost-in-silence', () => unsettled('good')],
  ['a lost task that was reported and not brought back', 'lost-for-good', () => ({ ...unsettled('good'), histories: new Map([...unsettled('good').histories, ['submitter-0.1', [{ at: 'lost', taskId: 'good', msgId: 'm-good' }]]]) })],
  ['a task that was never taken', 'not-accepted', () => withoutRecords((record) => record.at === 'accepted' && record.taskId === 'good')],
  ['an outcome that was not told', 'not-told', () => withoutRecords((record) => record.at === 'told' && record.taskId === 'good')],
  ['an outcome that one of two submitters was not told', 'not-told', () => ({ ...good(), histories: new Map([...good().histories, ['submitter-1.0', handedIn('good')]]) })],
  ['two outcomes', 'two-outcomes', () => ({ ...good(), outcomes: [...outcomes, success('good', 'r9')] })],
  ['an outcome of a task that nobody handed in', 'outcome-without-submit', () => ({ ...good(), outcomes: [...outcomes, success('ghost', 'r9')] })],
  ['an outcome that was told and has gone', 'outcome-forgotten', () => ({ ...good(), outcomes: outcomes.filter(({ taskId }) => taskId !== 'good') })],
  ['poison that succeeds', 'wrong-outcome', () => withOutcome(success('poison', 'r3', 3))],
  ['the answer to another task', 'wrong-outcome', () => withOutcome({ ...success('good', 'r1'), text: answerTo('again') })],
  ['a good task that fails', 'wrong-outcome', () => withOutcome(failure('unlucky', 'r7', 'Error'))],
  ['a task cancelled that nobody took back', 'wrong-outcome', () => withOutcome(failure('good', 'r1', 'DISPATCH_CANCELLED', null))],
  ['a cancelled task that was done', 'done-though-cancelled', () => withOutcome(success('unwanted', 'r5'))],
  ['a task cancelled whose submitter was told that it is not', 'cancelled-in-secret', () => withOutcome(failure('late', 'r6', 'DISPATCH_CANCELLED', null))],
  ['more attempts than are allowed', 'wrong-attempts', () => withOutcome(failure('poison', 'r3', 'Error', 4))],
  ['poison given up early', 'given-up-early', () => withOutcome(failure('poison', 'r3', 'Error', 2))],
  ['a success that nobody worked out', 'outcome-without-run', () => withoutRecords((record) => record.at === 'began' && record.taskId === 'good')],
  ['a failure that left no dead letter', 'wrong-dead-letters', () => ({ ...good(), deadLetters: good().deadLetters.slice(1) })],
  ['a dead letter twice', 'wrong-dead-letters', () => ({ ...good(), deadLetters: [...good().deadLetters, { taskId: 'poison', errors: [] }] })],
  ['a success with a dead letter', 'wrong-dead-letters', () => ({ ...good(), deadLetters: [...good().deadLetters, { taskId: 'good', errors: [] }] })],
  ['a run of a task that nobody handed in', 'run-without-submit', () => withRecords(began('ghost', 1))],
  ['a run under another key', 'another-key', () => withRecords(began('good', 2, 'good/2'))],
  ['an attempt beyond the last', 'attempt-out-of-range', () => withRecords(began('poison', 4))],
  ['an attempt that was made twice', 'attempt-repeated', () => withRecords(began('good', 1))],
  ['one task as two messages', 'taken-twice', () => withRecords(...handedIn('good', 'm-other'))],
  ['a loss that must not be', 'lost-though-promised', () => withRecords({ at: 'lost', taskId: 'good', msgId: 'm-good' })],
  ['messages that nobody settles', 'work-left', () => ({ ...good(), left: 1 })],
];

describe('judgeMeshRun', () => {
  it('finds nothing in a history that keeps the promises, with a task run again, poison given up, and one given back', () => {
    const { findings, figures } = judgeMeshRun(good());
    expect(findings).toEqual([]);
    expect(figures).toEqual({
      accepted: 7, completed: 3, deadLettered: 3, givenUp: 1, cancelled: 1, reportedLost: 0, silentLosses: 0, doubleOutcomes: 0, forgottenOutcomes: 0, runs: 9, repeatedRuns: 4, repeatedEffects: 1,
    });
  });

  it('bears with what a server may forget: a loss that was mended, an outcome that went, an attempt that was made again', () => {
    const evidence: MeshEvidence = { ...withRecords({ at: 'lost', taskId: 'good', msgId: 'm-good' }, ...handedIn('good', 'm-other'), began('good', 1)), outcomes: outcomes.filter(({ taskId }) => taskId !== 'good') };
    const { findings, figures } = judgeMeshRun({ ...evidence, mayForget: true });
    expect(findings).toEqual([]);
    expect(figures).toMatchObject({ accepted: 7, completed: 3, reportedLost: 1, silentLosses: 0, forgottenOutcomes: 1 });
    expect(new Set(rulesOf(evidence))).toEqual(new Set(['outcome-forgotten', 'attempt-repeated', 'taken-twice', 'lost-though-promised']));
  });

  it('counts what must not be', () => {
    expect(judgeMeshRun(unsettled('good')).figures).toMatchObject({ silentLosses: 1 });
    expect(judgeMeshRun({ ...good(), outcomes: [...outcomes, success('good', 'r9')] }).figures).toMatchObject({ doubleOutcomes: 1 });
  });

  // The mutation check of the catalogue, §10.6: a judge that misses one of these proves nothing.
  it.each(broken)('finds %s', (_, rule, evidence) => {
    expect(rulesOf(evidence())).toContain(rule);
  });
});
