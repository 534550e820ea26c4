import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { deadline, scriptedAgent, workshop } from './cortex.ts';

/** The library that tells a program another time; the Debian package is `faketime`. */
const library = ['/usr/lib', '/usr/local/lib', '/usr/lib64']
  .flatMap((base) => [base, ...(existsSync(base) ? readdirSync(base).filter((name) => name.includes('-linux-')).map((name) => join(base, name)) : [])])
  .map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1'))
  .find((path) => existsSync(path));

const everySecond = 'triggers:\n  - { type: cron, cron_expression: "* * * * * *", misfire: once }';
const hour = 3_600;
const day = 24 * hour;

/** A host whose wall clock is set by the test while its monotonic clock goes on. */
async function hostWithClock(preload: string) {
  const shop = workshop();
  for (const [path, text] of Object.entries(scriptedAgent('ticker', 'fallback: { text: tick }', { triggers: everySecond }))) shop.write(path, text);
  const offset = join(shop.directory, 'offset');
  const set = (seconds: number) => {
    writeFileSync(`${offset}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${offset}.new`, offset); // the library reads it at every look at the clock
  };
  set(0);
  const host = shop.launch(['start'], { LD_PRELOAD: preload, FAKETIME_TIMESTAMP_FILE: offset, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  await expect.poll(() => (/at work/.test(host.said.out) ? 'at work' : host.said.err), deadline).toBe('at work');
  const client = shop.client();
  const ticks = async () =>
    (await client.getJournal('ticker', { type: 'trigger_event', limit: 500 })).entries.map(({ data }) => {
      const { event_id: id, payload } = data as { event_id: string; payload: { scheduled_time: string; missed?: number } };
      return { id, at: Date.parse(payload.scheduled_time), missed: payload.missed ?? 0 };
    });
  return {
    shop,
    host,
    client,
    set,
    ticks,
    /** Waits until `count` more occurrences have come, and gives them. */
    async next(count: number) {
      const before = (await ticks()).length;
      await expect.poll(async () => (await ticks()).length, deadline).toBeGreaterThanOrEqual(before + count);
      return (await ticks()).slice(before);
    },
  };
}

// Catalogue C2, F17.
describe('a host whose clock is set while it runs', () => {
  it.skipIf(library === undefined)(`goes on, runs no occurrence twice, and makes up for a jump once${library === undefined ? ' (skipped: libfaketime is not installed)' : ''}`, async () => {
    const { shop, host, client, set, ticks, next } = await hostWithClock(library ?? '');
    const offsetOf = (at: number) => Math.round((at - Date.now()) / 1_000);
    await next(2);

    for (const jump of [hour, hour + day]) {
      set(jump);
      const [first, ...more] = await next(3);
      expect(first?.missed, 'what lay in the jump is made up for by one wake that says how much it was').toBeGreaterThan(50);
      expect(more.map(({ missed }) => missed).every((missed) => missed < 50)).toBe(true);
      expect(Math.abs(offsetOf(more.at(-1)?.at ?? 0) - jump)).toBeLessThan(30);
    }

    // A day back: it goes on from the new time at once.
    set(-day);
    const back = await next(3);
    expect(back.every(({ at }) => Math.abs(offsetOf(at) + day) < 30)).toBe(true);

    // An hour back: what is due now has run already, and does not run again; everything else works on.
    set(-day - hour);
    const before = await ticks();
    expect(await client.inject('ticker', { payload: {}, eventId: 'by-hand' })).toMatchObject({ status: 'accepted' });
    await expect.poll(async () => (await client.getJournal('ticker', { type: 'invocation_result', limit: 500 })).entries.some(({ data }) => data['event_id'] === 'by-hand'), deadline).toBe(true);
    expect((await ticks()).filter(({ id }) => id !== 'by-hand').slice(before.length).every(({ at }) => offsetOf(at) > -day - 60)).toBe(true);
    set(-day);
    await next(2);

    const ids = (await ticks()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length, 'one wake a second and no more').toBeLessThan(120);
    host.child.kill('SIGTERM');
    expect((await host.finished).code).toBe(0);
    expect((await shop.cortex(['verify', '--json'])).code).toBe(0);
  });
});
