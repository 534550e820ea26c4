import { describe, expect, it } from 'vitest';

import { ProcessStateError } from '../errors.ts';
import { ProcessLifecycle } from './process-lifecycle.ts';
import { ProcessState, validTransitions } from './process-state.ts';

const now = () => '2026-01-01T00:00:00.000Z';
const states = Object.values(ProcessState);

describe('ProcessLifecycle', () => {
  it.each(states.flatMap((from) => states.map((to) => [from, to] as const)))('moves from %s to %s exactly when the table says so', async (from, to) => {
    const lifecycle = ProcessLifecycle.inMemory('p-1', now, from);
    if (validTransitions[from].includes(to)) {
      await lifecycle.transition(to, { reason: 'because' });
      expect(lifecycle.state).toBe(to);
      expect(lifecycle.history).toEqual([{ fromState: from, toState: to, timestamp: now(), reason: 'because', metadata: {} }]);
    } else {
      const refused = await lifecycle.transition(to).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(ProcessStateError);
      expect(refused).toMatchObject({ processId: 'p-1', currentState: from, attemptedState: to, code: 'PROCESS_STATE' });
      expect(lifecycle.state).toBe(from);
      expect(lifecycle.history).toEqual([]);
    }
  });

  it('lets only one of two callers leave a state', async () => {
    const lifecycle = ProcessLifecycle.inMemory('p-1', now, ProcessState.RUNNING);
    const results = await Promise.allSettled([lifecycle.transition(ProcessState.SUSPENDED), lifecycle.transition(ProcessState.SUSPENDED)]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
  });

  it('tells its listeners and goes on when one throws', async () => {
    const lifecycle = ProcessLifecycle.inMemory('p-1', now);
    const told: string[] = [];
    lifecycle.onTransition(() => {
      throw new Error('broken listener');
    });
    lifecycle.onTransition(async (transition) => void told.push(transition.toState));
    await lifecycle.transition(ProcessState.STARTING);
    expect(told).toEqual(['starting']);
  });

  it('goes on from a snapshot', async () => {
    const lifecycle = ProcessLifecycle.inMemory('p-1', now);
    await lifecycle.transition(ProcessState.STARTING, { reason: 'user requested' });
    await lifecycle.transition(ProcessState.RUNNING);
    const copy = ProcessLifecycle.fromSnapshot('p-1', lifecycle.snapshot(), now);
    expect(copy.state).toBe('running');
    expect(copy.history).toHaveLength(2);
    await copy.transition(ProcessState.SUSPENDED);
    expect(lifecycle.state).toBe('running');
  });
});
