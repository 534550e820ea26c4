import { seededRandom } from '@cortex-runtime/testing';
import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { describe, expect, it } from 'vitest';

import { calendarDesk, calendarService } from './calendar-desk.ts';
import { deadline } from './cortex.ts';

const titles = Array.from({ length: 16 }, (_, index) => `${index % 4 === 3 ? 'Party' : 'Meeting'} ${index}`);
const kills = 8;

/** Answers whatever waits, as a person would who likes no parties, until told to stop. Calls that a kill cuts off are made again: the second answer is refused. */
async function answering(client: () => OrchestrationClient, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const pending = await client().listApprovals({ status: 'pending' }).catch(() => []);
    await Promise.all(pending.map(({ id, params }) => client()[String(params['title']).startsWith('Party') ? 'deny' : 'approve'](id, { by: 'ada', reason: 'as always' }).catch(() => undefined)));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a host that is killed again and again while agents ask and a person answers', () => {
  it('makes every approved call once and no other, and closes every event', async () => {
    const random = seededRandom(20_260_602);
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url, more: 'config: { concurrency: 4 }' });
    let host = await shop.start();
    let isOver = false;
    const person = answering(() => shop.client(), () => isOver);
    for (const [index, title] of titles.entries()) await host.client.inject('desk', { payload: { title }, eventId: `e-${index}` });

    const seq = () => shop.client().getJournal('desk', { limit: 1 }).then(({ entries }) => entries[0]?.seq ?? 0, () => 0);
    let next = await seq();
    for (let kill = 0; kill < kills; kill += 1) {
      next = (await seq()) + 1 + Math.floor(random.next() * 20);
      const isDone = () => host.client.getProcess('desk').then(({ invocationCount }) => invocationCount === titles.length, () => false);
      await expect.poll(async () => (await seq()) >= next || (await isDone()), { ...deadline, interval: 1 }).toBe(true);
      await shop.kill(host);
      host = await shop.start();
    }
    await expect.poll(() => host.client.getProcess('desk').then(({ invocationCount }) => invocationCount), deadline).toBe(titles.length);
    isOver = true;
    await person;

    expect(calendar.events.map(({ title }) => title).sort()).toEqual(titles.filter((title) => title.startsWith('Meeting')).sort());
    expect(calendar.requests.filter((line) => line === 'POST /events')).toHaveLength(calendar.events.length);
    const approvals = await host.client.listApprovals();
    expect(approvals.filter(({ status }) => status === 'used')).toHaveLength(12);
    expect(approvals.filter(({ status }) => status === 'denied')).toHaveLength(4);
    expect(approvals).toHaveLength(titles.length);
    const report = JSON.parse((await shop.cortex(['verify', '--json'])).out) as { is_intact: boolean; history: { events: object; violations: unknown[] } };
    expect(report).toMatchObject({ is_intact: true, history: { events: { accepted: titles.length, closed: titles.length, pending: 0 }, violations: [] } });
  });
});
