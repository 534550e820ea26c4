import { seededRandom } from '@cortex-runtime/core/testing';
import { describe, expect, it } from 'vitest';

import { chaosTask, handInsOf, type ChaosTaskPlan } from './chaos-tasks.ts';
import { meshFaultKinds, planMeshFaults } from './mesh-faults.ts';

const plan: ChaosTaskPlan = { seed: 7, tasks: 2_000, submitters: 2, agents: 2 };
const tasksOf = (of: ChaosTaskPlan) => Array.from({ length: of.tasks }, (_, number) => chaosTask(of, number));

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(tasksOf(plan)).toEqual(tasksOf(plan));
    expect(tasksOf({ ...plan, seed: 8 })).not.toEqual(tasksOf(plan));
    const faults = (seed: number) => planMeshFaults(seededRandom(seed), 50, meshFaultKinds);
    expect(faults(7)).toEqual(faults(7));
    expect(faults(8)).not.toEqual(faults(7));
  });

  it('has tasks of every kind and priority, most of them plain, for agents and for whoever is there', () => {
    const tasks = tasksOf(plan);
    expect(new Set(tasks.map(({ kind }) => kind))).toEqual(new Set(['plain', 'slow', 'throws', 'kills', 'cancelled']));
    expect(tasks.filter(({ kind }) => kind === 'plain').length).toBeGreaterThan(plan.tasks * 0.9);
    expect(new Set(tasks.map(({ priority }) => priority)).size).toBe(4);
    expect(new Set(tasks.map(({ agent }) => agent))).toEqual(new Set([undefined, 'agent-0', 'agent-1']));
  });

  it('lets submitters hand in every task, one of them twice what is handed in twice', () => {
    const handedIn = [0, 1].flatMap((submitter) => [...handInsOf(plan, submitter)]);
    expect(new Set(handedIn.map(({ task }) => task.taskId)).size).toBe(plan.tasks);
    expect(handedIn.reduce((sum, { times }) => sum + times, 0)).toBe(tasksOf(plan).reduce((sum, { handIns }) => sum + handIns.length, 0));
    expect(handedIn.some(({ times }) => times === 2)).toBe(true);
    expect(handedIn.filter(({ isOwner }) => !isOwner).length).toBeGreaterThan(0);
  });

  it('has every kind of fault where there are enough, in order of time', () => {
    const faults = planMeshFaults(seededRandom(7), meshFaultKinds.length, meshFaultKinds);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(meshFaultKinds));
    expect(faults.map(({ at }) => at)).toEqual(faults.map(({ at }) => at).toSorted((a, b) => a - b));
    expect(planMeshFaults(seededRandom(7), 30, ['kill-redis']).map(({ kind }) => kind)).toEqual(Array.from({ length: 30 }, () => 'kill-redis'));
  });
});
