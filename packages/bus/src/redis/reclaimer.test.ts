import { expect, it } from 'vitest';

import { Reclaimer, type Reclaim, type ReclaimerDependencies } from './reclaimer.ts';

it('looks again when it was asked to while it looked', async () => {
  const looks: { dead: unknown[]; found: (reply: unknown) => void }[] = [];
  const script = (_script: unknown, _keys: unknown, args: unknown[]) => new Promise((resolve) => looks.push({ dead: args.filter((each) => String(each).startsWith('dead')), found: resolve }));
  const names = { stream: String, errors: String, deadLetters: String };
  const reclaimer = new Reclaimer({ settings: { maxRetries: 3 }, names, commands: { script }, notify: () => {} } as unknown as ReclaimerDependencies, 'me');
  const reclaim = (dead: string[]): Reclaim => ({ stream: 's', group: 'g', dead, live: ['me'], idle: false, room: () => 10, take: () => {} });
  const nothing = [[], [], [], 0, 0, -1];
  const first = reclaimer.reclaim(reclaim(['dead-1']));
  await reclaimer.reclaim(reclaim(['dead-2']));
  await reclaimer.reclaim(reclaim([]));
  expect(looks).toHaveLength(1);
  looks[0]?.found(nothing);
  await expect.poll(() => looks.length).toBe(2);
  expect(looks[1]?.dead).toEqual(['dead-2']);
  looks[1]?.found(nothing);
  await first;
  expect(looks).toHaveLength(2);
  expect(reclaimer.owed('s', 'g')).toBeUndefined();
});
