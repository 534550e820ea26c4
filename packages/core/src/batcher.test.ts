import { describe, expect, it } from 'vitest';

import { Batcher } from './batcher.ts';

function held() {
  const batches: number[][] = [];
  const finish: (() => void)[] = [];
  const run = (items: number[]) =>
    new Promise<number[]>((resolve) => {
      batches.push(items);
      finish.push(() => resolve(items.map((item) => item * 10)));
    });
  return { batches, finish, run };
}

describe('Batcher', () => {
  it('sends what is added in one turn together, and what comes meanwhile in the next batch', async () => {
    const { batches, finish, run } = held();
    const batcher = new Batcher(run, { maxItems: 100, lanes: 1 });
    const first = [batcher.add(1), batcher.add(2)];
    await Promise.resolve();
    const later = [batcher.add(3), batcher.add(4), batcher.add(5)];
    await Promise.resolve();
    expect(batches).toEqual([[1, 2]]);
    finish[0]?.();
    expect(await Promise.all(first)).toEqual([10, 20]);
    expect(batches).toEqual([[1, 2], [3, 4, 5]]);
    finish[1]?.();
    expect(await Promise.all(later)).toEqual([30, 40, 50]);
  });

  it('gives of several that are added together each its result, over batches', async () => {
    const refused = new Error('refused');
    const batcher = new Batcher(async (items: number[]) => {
      if (items.includes(7)) throw refused;
      return items.map((item) => (item % 2 === 0 ? item * 10 : new Error(String(item))));
    }, { maxItems: 3, lanes: 2 });
    const alone = batcher.add(2);
    expect(await batcher.addAll([4, 1, 6, 7, 8])).toEqual([40, new Error('1'), refused, refused, refused]);
    expect(await alone).toBe(20);
    expect(await batcher.addAll([])).toEqual([]);
  });

  it('keeps to the number of items, the weight and the lanes, and never starves an item that is too heavy', async () => {
    const { batches, finish, run } = held();
    const batcher = new Batcher(run, { maxItems: 3, maxWeight: 10, weigh: (item) => item, lanes: 2 });
    const all = Promise.all([1, 1, 1, 1, 99, 4, 5, 6].map((item) => batcher.add(item)));
    await Promise.resolve();
    expect(batches).toHaveLength(2);
    for (let index = 0; index < 5; index += 1) {
      finish[index]?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await all).toEqual([10, 10, 10, 10, 990, 40, 50, 60]);
    expect(batches).toEqual([[1, 1, 1], [1], [99], [4, 5], [6]]);
  });

  it('is not idle while a batch is under way', async () => {
    const { finish, run } = held();
    const batcher = new Batcher(run, { maxItems: 100, lanes: 2 });
    expect(batcher.isIdle).toBe(true);
    const done = batcher.add(1);
    expect(batcher.isIdle).toBe(false);
    await Promise.resolve();
    expect(batcher.isIdle).toBe(false);
    finish[0]?.();
    await done;
    expect(batcher.isIdle).toBe(true);
  });

  it('a batch that fails fails its own items only', async () => {
    let calls = 0;
    const batcher = new Batcher(async (items: number[]) => {
      calls += 1;
      if (calls === 1) throw new Error('first');
      return items;
    }, { maxItems: 1, lanes: 1 });
    const outcomes = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});
