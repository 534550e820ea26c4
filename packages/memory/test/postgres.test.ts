import { randomUUID } from 'node:crypto';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import pg from 'pg';
import { afterAll, describe, expect, inject, it } from 'vitest';

import { MemoryProposals } from '../src/index.ts';
import { PostgresMemoryProvider, PostgresMemoryStore, PostgresProposalStore } from '../src/postgres/index.ts';
import { describeMemoryProviderContract, describeMemoryStoreContract } from '../src/testing/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

const url = inject('postgresUrl');
const clock = systemClock;
const createId = idGenerator({ clock, random: systemRandom });

describe.skipIf(url === '')('on a real PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString: url === '' ? 'postgres://127.0.0.1:1' : url, max: 8 });
  afterAll(() => pool.end());
  const openStore = (scope: string = randomUUID()) => PostgresMemoryStore.open({ pool, clock }, { scope, keepVersions: 5, maxContentBytes: 1_000 });
  const openProvider = (scope: string = randomUUID()) => PostgresMemoryProvider.open({ pool, createId, clock }, { scope });

  describeMemoryStoreContract('PostgresMemoryStore', () => openStore());
  describeMemoryProviderContract('PostgresMemoryProvider', () => openProvider());

  it('shows a scope nothing of another one', async () => {
    const [one, other] = [await openStore(), await openStore()];
    await one.write('facts', 'moon', 'round');
    expect(await other.exists('facts', 'moon')).toBe(false);
    expect(await other.search('round')).toEqual([]);
    const [mine, yours] = [await openProvider(), await openProvider()];
    const id = await mine.add('round moon');
    expect(await yours.search('moon')).toEqual([]);
    expect(await yours.delete(id)).toBe(false);
  });

  it('makes its tables once when many open it at the same time', async () => {
    const schema = `s_${randomUUID().replaceAll('-', '')}`;
    await pool.query(`create schema ${schema}`);
    const opened = await Promise.all(Array.from({ length: 6 }, () => PostgresMemoryStore.open({ pool, clock }, { schema })));
    await opened[0]?.write('facts', 'x', 'y');
    expect((await opened[5]?.read('facts', 'x'))?.content).toBe('y');
    await expect(PostgresMemoryStore.open({ pool, clock }, { schema: 'public; drop table x' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('says which memory could not be read when the database is gone', async () => {
    const lost = new pg.Pool({ connectionString: url });
    const store = await PostgresMemoryStore.open({ pool: lost, clock });
    await lost.end();
    await expect(store.read('people', 'anna')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED', entry: 'people/anna' });
  });

  it('lets one of many decide a proposal', async () => {
    const scope = randomUUID();
    const proposals = await PostgresProposalStore.open({ pool }, { scope });
    const box = new MemoryProposals({ store: await openStore(scope), proposals, clock, createId });
    const outcome = await box.propose({ category: 'facts', name: 'moon', mode: 'create', content: 'round' }, { agent: 'forge' });
    const id = outcome.ok ? outcome.record.proposalId : '';
    const decisions = await Promise.allSettled([box.accept(id, { by: 'ann' }), box.reject(id, { by: 'bob' }), box.accept(id, { by: 'cid' })]);
    const record = await proposals.get(id);
    const exists = await (await openStore(scope)).exists('facts', 'moon');
    expect(exists).toBe(record?.status === 'accepted');
    expect(decisions.some(({ status }) => status === 'rejected')).toBe(true);
    expect(await box.pending()).toEqual([]);
  });
});
