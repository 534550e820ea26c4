import type { ChaosTaskKind } from './chaos-tasks.ts';
import type { MeshRecord, RecordedOutcome } from './mesh-history.ts';
import type { LifeEnd } from './mesh-member.ts';

/** What is known after a run: what the processes wrote down, and what the server has. */
export interface MeshEvidence {
  /** What each task does, by id. */
  kinds: ReadonlyMap<string, ChaosTaskKind>;
  /** The histories of all lives, by life. */
  histories: ReadonlyMap<string, readonly MeshRecord[]>;
  /** How lives ended, by life. */
  ends: ReadonlyMap<string, LifeEnd>;
  /** The results stream at the end, whole. */
  outcomes: readonly RecordedOutcome[];
  deadLetters: readonly { taskId: string; errors: readonly string[] }[];
  /** Messages that no agent has settled, at the end. */
  left: number;
  /** Deliveries that a task may have. */
  deliveriesAllowed: number;
  /** Whether the server has lost what it had answered, in a way that the durability class allows. */
  mayForget: boolean;
  /** What agents answer. */
  answerTo(taskId: string): string;
}

/** One thing that must not happen. */
export interface MeshFinding {
  rule: string;
  message: string;
}

export interface MeshFigures {
  accepted: number;
  completed: number;
  /** Failed for good, and kept among the dead letters; of them those that would have succeeded, whose processes died too often. */
  deadLettered: number;
  givenUp: number;
  cancelled: number;
  /** Tasks that the server had lost, which was reported, and that were handed in again. */
  reportedLost: number;
  /** Accepted, and no outcome. Must be 0. */
  silentLosses: number;
  /** Tasks with more than one outcome. Must be 0. */
  doubleOutcomes: number;
  /** Outcomes that were told, and that the server has lost since. */
  forgottenOutcomes: number;
  /** Runs of tasks, and those beyond the first. */
  runs: number;
  repeatedRuns: number;
  /** Effects beyond the first of a task that is done: what an effect outside must bear. */
  repeatedEffects: number;
}

/**
 * Compares what submitters were told with what agents did and what the server has. Pure: the same evidence gives the same verdict.
 *
 * @returns every finding; none when all promises were kept
 */
export function judgeMeshRun(evidence: MeshEvidence): { findings: MeshFinding[]; figures: MeshFigures } {
  const facts = gather(evidence);
  const findings = [...outcomeFindings(evidence, facts), ...fateFindings(evidence, facts), ...runFindings(evidence, facts), ...submissionFindings(evidence, facts)];
  if (evidence.left > 0) findings.push({ rule: 'work-left', message: `${evidence.left} messages are still with agents, or wait for them` });

  const outcomes = [...facts.accepted.keys()].map((taskId) => outcomeOf(facts, taskId));
  const count = (check: (outcome: RecordedOutcome) => boolean) => outcomes.filter((outcome) => outcome !== undefined && check(outcome)).length;
  const runs = [...facts.runs.values()];
  const beyondFirst = (counts: readonly number[]) => counts.reduce((sum, each) => sum + Math.max(each - 1, 0), 0);
  return {
    findings,
    figures: {
      accepted: facts.accepted.size,
      completed: count(({ status }) => status === 'success'),
      deadLettered: count(isDeadLettered),
      givenUp: count((outcome) => isDeadLettered(outcome) && !isPoison(evidence.kinds.get(outcome.taskId))),
      cancelled: count(({ errorCode }) => errorCode === 'DISPATCH_CANCELLED'),
      reportedLost: facts.lost.size,
      silentLosses: outcomes.filter((outcome) => outcome === undefined).length,
      doubleOutcomes: [...facts.final.values()].filter((each) => each.length > 1).length,
      forgottenOutcomes: [...facts.told.values()].flatMap((told) => [...told.values()]).filter((outcome) => !isKept(facts, outcome)).length,
      runs: runs.reduce((sum, each) => sum + each.length, 0),
      repeatedRuns: beyondFirst(runs.map(({ length }) => length)),
      repeatedEffects: beyondFirst([...facts.effects].filter(([taskId]) => !isPoison(evidence.kinds.get(taskId))).map(([, times]) => times)),
    },
  };
}

interface Run {
  attempt: number;
  key: string;
  life: string;
}

interface Facts {
  submitting: Set<string>;
  /** By task: the ids of its entries that submitters were given. */
  accepted: Map<string, Set<string>>;
  /** By task: what was told of it, by the id of the result. */
  told: Map<string, Map<string, RecordedOutcome>>;
  /** By task: the submitters that handed it in, and those that were told. */
  submitters: Map<string, Set<string>>;
  toldTo: Map<string, Set<string>>;
  /** By task: what stands on the results stream. */
  final: Map<string, RecordedOutcome[]>;
  lost: Set<string>;
  takenBack: Set<string>;
  /** Tasks of which their submitter was told that it was too late to take them back. */
  notTakenBack: Set<string>;
  runs: Map<string, Run[]>;
  effects: Map<string, number>;
  deadLetters: Map<string, number>;
}

function gather({ histories, outcomes, deadLetters }: MeshEvidence): Facts {
  const facts: Facts = {
    submitting: new Set(), accepted: new Map(), told: new Map(), submitters: new Map(), toldTo: new Map(), final: new Map(),
    lost: new Set(), takenBack: new Set(), notTakenBack: new Set(), runs: new Map(), effects: new Map(), deadLetters: new Map(),
  };
  for (const [life, records] of histories) {
    const process = life.slice(0, life.lastIndexOf('.'));
    for (const record of records) {
      switch (record.at) {
        case 'submitting':
          facts.submitting.add(record.taskId);
          break;
        case 'accepted':
          into(facts.accepted, record.taskId, () => new Set()).add(record.msgId);
          into(facts.submitters, record.taskId, () => new Set()).add(process);
          break;
        case 'told':
          into(facts.told, record.taskId, () => new Map()).set(record.msgId, record);
          into(facts.toldTo, record.taskId, () => new Set()).add(process);
          break;
        case 'lost':
          facts.lost.add(record.taskId);
          break;
        case 'cancelled':
          if (record.isCancelled === true) facts.takenBack.add(record.taskId);
          if (record.isCancelled === false) facts.notTakenBack.add(record.taskId);
          break;
        case 'began':
          into(facts.runs, record.taskId, () => []).push({ attempt: record.attempt, key: record.key, life });
          break;
        case 'effect':
          facts.effects.set(record.taskId, (facts.effects.get(record.taskId) ?? 0) + 1);
          break;
        case 'notice':
        case 'logged':
      }
    }
  }
  for (const outcome of outcomes) into(facts.final, outcome.taskId, () => []).push(outcome);
  for (const { taskId } of deadLetters) facts.deadLetters.set(taskId, (facts.deadLetters.get(taskId) ?? 0) + 1);
  return facts;
}

/** The value of a key, made when it is not there. */
function into<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** The outcome of a task: the one that the server has, else the one that was told before the server lost it. */
function outcomeOf({ final, told }: Facts, taskId: string): RecordedOutcome | undefined {
  return final.get(taskId)?.[0] ?? [...(told.get(taskId)?.values() ?? [])].at(-1);
}

const isPoison = (kind: ChaosTaskKind | undefined) => kind === 'throws' || kind === 'kills';
const isDeadLettered = ({ status, errorCode }: RecordedOutcome) => status === 'failure' && errorCode !== 'DISPATCH_CANCELLED';
const isKept = ({ final }: Facts, { taskId, msgId }: RecordedOutcome) => (final.get(taskId) ?? []).some((each) => each.msgId === msgId);

/** There is one outcome, whoever handed the task in is told of it, and it stays. */
function outcomeFindings({ kinds, mayForget }: MeshEvidence, facts: Facts): MeshFinding[] {
  const findings: MeshFinding[] = [];
  for (const taskId of kinds.keys()) if (!facts.accepted.has(taskId)) findings.push({ rule: 'not-accepted', message: `${taskId} was never taken` });
  for (const taskId of facts.accepted.keys()) {
    if (outcomeOf(facts, taskId) === undefined) findings.push({ rule: facts.lost.has(taskId) ? 'lost-for-good' : 'lost-in-silence', message: `${taskId} was accepted, and has no outcome` });
    for (const submitter of facts.submitters.get(taskId) ?? []) {
      if (facts.toldTo.get(taskId)?.has(submitter) !== true) findings.push({ rule: 'not-told', message: `${submitter} was not told what became of ${taskId}` });
    }
  }
  for (const [taskId, outcomes] of facts.final) {
    if (!facts.submitting.has(taskId)) findings.push({ rule: 'outcome-without-submit', message: `${taskId} has an outcome, and nobody handed it in` });
    if (outcomes.length > 1) findings.push({ rule: 'two-outcomes', message: `${taskId} has the outcomes ${outcomes.map(({ msgId, status }) => `${msgId} (${status})`).join(', ')}` });
  }
  if (mayForget) return findings;
  for (const outcomes of facts.told.values()) {
    for (const outcome of outcomes.values()) {
      if (!isKept(facts, outcome)) findings.push({ rule: 'outcome-forgotten', message: `${outcome.taskId} had the outcome ${outcome.msgId}, and the server has it no more` });
    }
  }
  return findings;
}

/** Each outcome is one that the task can have, and what failed for good is among the dead letters, once. */
function fateFindings({ kinds, deliveriesAllowed, mayForget, answerTo }: MeshEvidence, facts: Facts): MeshFinding[] {
  const findings: MeshFinding[] = [];
  for (const taskId of facts.accepted.keys()) {
    const outcome = outcomeOf(facts, taskId);
    if (outcome === undefined) continue;
    const kind = kinds.get(taskId);
    const { status, errorCode, attempts, text } = outcome;
    const told = `${taskId} (${String(kind)}) ended as ${status} ${errorCode ?? ''} after ${String(attempts)} attempts`;
    const buried = facts.deadLetters.get(taskId) ?? 0;
    const runs = facts.runs.get(taskId) ?? [];
    if (errorCode === 'DISPATCH_CANCELLED') {
      if (kind !== 'cancelled') findings.push({ rule: 'wrong-outcome', message: told });
      if (facts.notTakenBack.has(taskId) && !mayForget) findings.push({ rule: 'cancelled-in-secret', message: `${told}, and its submitter was told that it was too late` });
    } else {
      if (facts.takenBack.has(taskId) && !mayForget) findings.push({ rule: 'done-though-cancelled', message: told });
      if (attempts === null || attempts < 1 || attempts > deliveriesAllowed) findings.push({ rule: 'wrong-attempts', message: told });
    }
    if (status === 'success') {
      if (isPoison(kind) || text !== answerTo(taskId)) findings.push({ rule: 'wrong-outcome', message: told });
      if (!runs.some(({ attempt }) => attempt === attempts)) findings.push({ rule: 'outcome-without-run', message: `${told}, and nobody made that attempt` });
    } else if (isDeadLettered(outcome)) {
      // What is no poison fails for good only where process after process died with it.
      if (kind !== 'throws' && errorCode !== 'DISPATCH_EXHAUSTED') findings.push({ rule: 'wrong-outcome', message: told });
      if (attempts !== deliveriesAllowed) findings.push({ rule: 'given-up-early', message: told });
    }
    const expected = isDeadLettered(outcome) && isKept(facts, outcome) ? 1 : 0;
    if (buried !== expected) findings.push({ rule: 'wrong-dead-letters', message: `${told}, and there are ${buried} dead letters of it` });
  }
  return findings;
}

/** Tasks are run under their own key, and attempts are counted. */
function runFindings({ ends, deliveriesAllowed, mayForget }: MeshEvidence, facts: Facts): MeshFinding[] {
  const findings: MeshFinding[] = [];
  for (const [taskId, runs] of facts.runs) {
    if (!facts.submitting.has(taskId)) findings.push({ rule: 'run-without-submit', message: `${taskId} was run, and nobody handed it in` });
    const seen = new Map<number, string>();
    for (const { attempt, key, life } of runs) {
      if (key !== taskId) findings.push({ rule: 'another-key', message: `${taskId} was run under the key ${key}` });
      if (attempt < 1 || attempt > deliveriesAllowed) findings.push({ rule: 'attempt-out-of-range', message: `${taskId} was run as attempt ${attempt} of ${deliveriesAllowed}` });
      const before = seen.get(attempt);
      // What a process gives back when it is told to stop is not counted.
      const isGivenBack = [before, life].some((each) => each !== undefined && ends.get(each) === 'told to stop');
      if (before !== undefined && !isGivenBack && !mayForget) findings.push({ rule: 'attempt-repeated', message: `attempt ${attempt} of ${taskId} was made by ${before} and ${life}` });
      seen.set(attempt, life);
    }
  }
  return findings;
}

/** One task is one message, and nothing is lost that may not be. */
function submissionFindings({ mayForget }: MeshEvidence, facts: Facts): MeshFinding[] {
  if (mayForget) return [];
  const findings: MeshFinding[] = [];
  for (const [taskId, msgIds] of facts.accepted) {
    if (msgIds.size > 1) findings.push({ rule: 'taken-twice', message: `${taskId} was taken as ${[...msgIds].join(' and ')}` });
  }
  for (const taskId of facts.lost) findings.push({ rule: 'lost-though-promised', message: `${taskId} was lost by a server that may lose nothing` });
  return findings;
}
