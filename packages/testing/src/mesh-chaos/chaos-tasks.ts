import { TaskPriority } from '@cortex-runtime/dispatch';
import { seededRandom } from '@cortex-runtime/core/testing';

/**
 * What a task does to whoever works on it.
 *
 * `throws` fails on every attempt, `kills` ends its process on every attempt, `cancelled` is taken back by its submitter soon after it was handed in.
 */
export type ChaosTaskKind = 'plain' | 'slow' | 'throws' | 'kills' | 'cancelled';

/** A task of a run, as the seed draws it. */
export interface ChaosTask {
  readonly taskId: string;
  readonly kind: ChaosTaskKind;
  readonly priority: TaskPriority;
  /** The agent that it is for; any of the domain when there is none. */
  readonly agent: string | undefined;
  readonly workMs: number;
  /** Numbers of the submitters that hand it in, one entry each time. */
  readonly handIns: readonly number[];
  /** Milliseconds after which a `cancelled` one is taken back. */
  readonly cancelAfterMs: number;
  /** Whether each hand-in gives the same bytes; otherwise they differ in the time, and the first stands. */
  readonly isSameBytes: boolean;
}

/** What draws the tasks of a run. */
export interface ChaosTaskPlan {
  readonly seed: number;
  readonly tasks: number;
  readonly submitters: number;
  readonly agents: number;
}

export const chaosDomain = 'chaos';
const priorities = Object.values(TaskPriority);
/** Each death of a process costs its neighbours an attempt, so there are few of those. */
const [throwsEvery, killsEvery] = [200, 4_000];
/** The first of each is early, so that a short run has them too. */
const [firstThrows, firstKills] = [61, 137];

export function agentName(number: number): string {
  return `agent-${number}`;
}

/** Task `number` of a run, from 0: the same whoever asks. */
export function chaosTask({ seed, submitters, agents }: ChaosTaskPlan, number: number): ChaosTask {
  const random = seededRandom(Math.imul(seed, 1_000_003) + number);
  const owner = number % submitters;
  const kind = kindOf(number, random.next());
  const again = random.next();
  const other = (owner + 1) % submitters;
  return {
    taskId: `task-${String(number).padStart(7, '0')}`,
    kind,
    priority: priorities[Math.floor(random.next() * priorities.length)] ?? TaskPriority.NORMAL,
    agent: random.next() < 0.1 ? agentName(Math.floor(random.next() * agents)) : undefined,
    workMs: kind === 'slow' ? 200 + random.next() * 1_200 : random.next() < 0.3 ? random.next() * 20 : 0,
    handIns: again < 0.05 ? [owner, owner] : again < 0.08 ? [owner, other] : [owner],
    cancelAfterMs: random.next() * 60,
    isSameBytes: random.next() < 0.5,
  };
}

function kindOf(number: number, draw: number): ChaosTaskKind {
  if (number % killsEvery === firstKills) return 'kills';
  if (number % throwsEvery === firstThrows) return 'throws';
  return draw < 0.03 ? 'slow' : draw < 0.05 ? 'cancelled' : 'plain';
}

/** The tasks that one submitter hands in, in order, with how often. */
export function* handInsOf(plan: ChaosTaskPlan, submitter: number): Generator<{ task: ChaosTask; times: number; isOwner: boolean }> {
  for (let number = 0; number < plan.tasks; number += 1) {
    const task = chaosTask(plan, number);
    const times = task.handIns.filter((each) => each === submitter).length;
    if (times > 0) yield { task, times, isOwner: task.handIns[0] === submitter };
  }
}
