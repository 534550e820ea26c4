import { describe, expect } from 'vitest';

import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { awkwardIds } from './awkward-ids.ts';
import { contractPromises } from './contract-promises.ts';

/** An affinity in which nobody answers anywhere, and a way to let time pass for it. */
export interface OpenedThreadAffinity {
  affinity: ThreadAffinity;
  advance(ms: number): Promise<void>;
}

const ttlMs = 60_000;

/**
 * The promises of {@link ThreadAffinity}, for every adapter.
 *
 * @param open - gives one whose threads last for `ttlMs`
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeThreadAffinityContract(name: string, open: (options: { ttlMs: number }) => Promise<OpenedThreadAffinity>, exceptions: Readonly<Record<string, string>> = {}): void {
  const register = contractPromises(open, exceptions);
  const promise = (title: string, check: (opened: OpenedThreadAffinity) => Promise<void>) => register(title, { ttlMs }, check);

  describe(`${name} keeps the contract of a thread affinity`, () => {
    promise('knows the agent that answers in a thread, and nobody elsewhere', async ({ affinity }) => {
      await affinity.setAgent('t1', 'forge');
      expect(await affinity.getAgent('t1')).toBe('forge');
      expect(await affinity.getAgent('t2')).toBeUndefined();
    });

    promise('knows the last agent that was named', async ({ affinity }) => {
      await affinity.setAgent('t1', 'forge');
      await affinity.setAgent('t1', 'anvil');
      expect(await affinity.getAgent('t1')).toBe('anvil');
    });

    promise('parts a thread from its agent when the time is over', async ({ affinity, advance }) => {
      await affinity.setAgent('t1', 'forge');
      await advance(ttlMs / 2);
      expect(await affinity.getAgent('t1')).toBe('forge');
      await advance(ttlMs / 2);
      expect(await affinity.getAgent('t1')).toBeUndefined();
    });

    promise('begins the time anew with an answer and when it is told to', async ({ affinity, advance }) => {
      await affinity.setAgent('answered', 'forge');
      await affinity.setAgent('refreshed', 'forge');
      await advance(ttlMs * 0.75);
      await affinity.setAgent('answered', 'forge');
      expect(await affinity.refreshTtl('refreshed')).toBe(true);
      await advance(ttlMs * 0.75);
      expect([await affinity.getAgent('answered'), await affinity.getAgent('refreshed')]).toEqual(['forge', 'forge']);
    });

    promise('does not begin the time anew by being asked', async ({ affinity, advance }) => {
      await affinity.setAgent('t1', 'forge');
      await advance(ttlMs * 0.75);
      await affinity.getAgent('t1');
      await advance(ttlMs * 0.75);
      expect(await affinity.getAgent('t1')).toBeUndefined();
    });

    promise('says that there is nobody whose time could begin anew', async ({ affinity, advance }) => {
      expect(await affinity.refreshTtl('t1')).toBe(false);
      await affinity.setAgent('t1', 'forge');
      await advance(2 * ttlMs);
      expect(await affinity.refreshTtl('t1')).toBe(false);
      expect(await affinity.getAgent('t1')).toBeUndefined();
    });

    promise('parts a thread from its agent at once, when told to', async ({ affinity }) => {
      await affinity.setAgent('t1', 'forge');
      await affinity.clear('t1');
      await affinity.clear('t2');
      expect(await affinity.getAgent('t1')).toBeUndefined();
      expect(await affinity.refreshTtl('t1')).toBe(false);
    });

    promise('tells threads apart, whatever their ids are made of', async ({ affinity }) => {
      for (const [index, threadId] of awkwardIds.entries()) await affinity.setAgent(threadId, `agent-${index}`);
      for (const [index, threadId] of awkwardIds.entries()) expect(await affinity.getAgent(threadId)).toBe(`agent-${index}`);
      await affinity.clear('*');
      expect(await affinity.getAgent('m-1')).toBe('agent-0');
    });
  });
}
