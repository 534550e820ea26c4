import { describe, expect } from 'vitest';

import type { MessageClaim, ResponseTracker } from '../claims/response-tracker.ts';
import { awkwardIds } from './awkward-ids.ts';
import { contractPromises } from './contract-promises.ts';

/** A tracker that knows no message, and a way to let time pass for it. */
export interface OpenedResponseTracker {
  tracker: ResponseTracker;
  advance(ms: number): Promise<void>;
}

const ttlMs = 60_000;

function claimOf(taskId: string, more: Partial<MessageClaim> = {}): MessageClaim {
  return { taskId, stream: 'tasks:eng', agent: 'forge', domain: 'eng', digest: 'd1', msgId: null, status: 'claimed', ...more };
}

/**
 * The promises of {@link ResponseTracker}, for every adapter.
 *
 * @param open - gives one whose claims last for `ttlMs`
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeResponseTrackerContract(name: string, open: (options: { ttlMs: number }) => Promise<OpenedResponseTracker>, exceptions: Readonly<Record<string, string>> = {}): void {
  const register = contractPromises(open, exceptions);
  const promise = (title: string, check: (opened: OpenedResponseTracker) => Promise<void>) => register(title, { ttlMs }, check);

  describe(`${name} keeps the contract of a response tracker`, () => {
    promise('gives a message to whoever claims it first, and tells the others who that is', async ({ tracker }) => {
      expect(await tracker.find('m-1')).toBeUndefined();
      const first = claimOf('task-1');
      expect(await tracker.claim('m-1', first)).toEqual({ claim: first, isNew: true });
      expect(await tracker.claim('m-1', claimOf('task-2', { digest: 'd2', stream: 'tasks:ops' }))).toEqual({ claim: first, isNew: false });
      expect(await tracker.find('m-1')).toEqual(first);
    });

    promise('keeps a claim as it was made', async ({ tracker }) => {
      const claim = claimOf('task \u{1f525} "1"\n', { stream: 'tasks:agent:Forge:high', agent: '', domain: '', digest: '/+=\\', status: '' });
      await tracker.claim('m-1', claim);
      expect(await tracker.find('m-1')).toEqual(claim);
      expect((await tracker.claim('m-1', claimOf('other'))).claim).toEqual(claim);
      await tracker.markResponded('m-1', 'dispatched', { msgId: '1-1' });
      expect(await tracker.find('m-1')).toEqual({ ...claim, status: 'dispatched', msgId: '1-1' });
    });

    promise('gives a message to one of many who claim it at once', async ({ tracker }) => {
      const outcomes = await Promise.all(Array.from({ length: 100 }, (_, index) => tracker.claim('m-1', claimOf(`task-${index}`))));
      expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(outcomes.map(({ claim }) => claim.taskId)).size).toBe(1);
    });

    promise('knows the claim of a task that is made again', async ({ tracker }) => {
      await tracker.claim('m-1', claimOf('task-1'));
      await tracker.markResponded('m-1', 'dispatched', { msgId: '1-1' });
      expect(await tracker.claim('m-1', claimOf('task-1'))).toEqual({ claim: claimOf('task-1', { status: 'dispatched', msgId: '1-1' }), isNew: true });
    });

    promise('notes what has become of a message, and tells it to who comes later', async ({ tracker }) => {
      await tracker.claim('m-1', claimOf('task-1'));
      await tracker.markResponded('m-1', 'dispatched', { msgId: '1-1' });
      await tracker.markResponded('m-1', 'cancelled');
      const noted = claimOf('task-1', { status: 'cancelled', msgId: '1-1' });
      expect(await tracker.find('m-1')).toEqual(noted);
      expect(await tracker.claim('m-1', claimOf('task-2'))).toEqual({ claim: noted, isNew: false });
    });

    promise('notes nothing of a message that nobody has claimed', async ({ tracker }) => {
      await tracker.markResponded('m-1', 'dispatched', { msgId: '1-1' });
      expect(await tracker.find('m-1')).toBeUndefined();
      expect(await tracker.claim('m-1', claimOf('task-1'))).toMatchObject({ isNew: true });
    });

    promise('gives a message to somebody else when the time of its claim is over', async ({ tracker, advance }) => {
      await tracker.claim('m-1', claimOf('task-1'));
      await advance(ttlMs / 2);
      expect(await tracker.claim('m-1', claimOf('task-2'))).toMatchObject({ isNew: false });
      await advance(ttlMs / 2);
      expect(await tracker.find('m-1')).toBeUndefined();
      expect(await tracker.claim('m-1', claimOf('task-3'))).toEqual({ claim: claimOf('task-3'), isNew: true });
    });

    promise('does not prolong a claim by noting what has become of it', async ({ tracker, advance }) => {
      await tracker.claim('m-1', claimOf('task-1'));
      await advance(ttlMs * 0.75);
      await tracker.markResponded('m-1', 'dispatched', { msgId: '1-1' });
      await advance(ttlMs * 0.75);
      expect(await tracker.find('m-1')).toBeUndefined();
    });

    promise('tells messages apart, whatever their ids are made of', async ({ tracker }) => {
      for (const [index, messageId] of awkwardIds.entries()) expect(await tracker.claim(messageId, claimOf(`task-${index}`))).toMatchObject({ isNew: true });
      await tracker.markResponded('*', 'cancelled');
      for (const [index, messageId] of awkwardIds.entries()) expect(await tracker.find(messageId)).toEqual(claimOf(`task-${index}`, messageId === '*' ? { status: 'cancelled' } : {}));
    });
  });
}
