import { fixedClock, type FixedClock } from '@cortex-runtime/core/testing';
import { describe, expect, it } from 'vitest';

import { RecordedMemory, triggerConfig, triggerRig } from '../../test/trigger-rig.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { CronTrigger } from './cron-trigger.ts';

const start = Date.UTC(2026, 0, 1);
const minute = 60_000;

interface Host {
  clock: FixedClock;
  memory: RecordedMemory;
  trigger: CronTrigger;
  times(): string[];
  stop(): Promise<void>;
}

/** A host that takes every event at once, and whose mailbox takes each id once. */
async function cronHost(document: Record<string, unknown>, options: { clock?: FixedClock; memory?: RecordedMemory } = {}): Promise<Host> {
  const clock = options.clock ?? fixedClock(start);
  const { deps, memory } = triggerRig(clock, options.memory === undefined ? {} : { memory: options.memory });
  memory.firstStart ??= clock.now();
  const trigger = new CronTrigger(deps, triggerConfig({ type: 'cron', id: 'tick', cron_expression: '* * * * *', ...document }));
  await trigger.start();
  const loop = (async () => {
    for (;;) {
      let event: TriggerEvent;
      try {
        event = await trigger.waitForNext();
      } catch {
        return;
      }
      const isNew = !memory.accepted.some(({ eventId }) => eventId === event.eventId);
      if (isNew) memory.accepted.push(event);
      await trigger.acknowledge(event);
    }
  })();
  return {
    clock, memory, trigger,
    times: () => memory.accepted.map(({ payload }) => {
      const { scheduled_time: at, missed } = payload as { scheduled_time: string; missed?: number };
      return at.slice(11, 16) + (missed === undefined ? '' : ` missed ${missed}`);
    }),
    async stop() {
      await trigger.stop();
      await loop;
      deps.scheduler.close();
    },
  };
}

describe('CronTrigger', () => {
  it('fires at each occurrence, with an id made of its time', async () => {
    const host = await cronHost({});
    await host.clock.advance(3 * minute);
    await host.stop();
    expect(host.times()).toEqual(['00:01', '00:02', '00:03']);
    expect(host.memory.accepted[0]).toMatchObject({
      triggerId: 'tick', triggerType: 'cron', eventId: 'cron:tick:2026-01-01T00:01:00.000Z', cause: [],
      payload: { scheduled_time: '2026-01-01T00:01:00.000Z', cron_expression: '* * * * *', timezone: 'UTC' },
    });
  });

  // C5, and D14 of the described system: ticks vanish while the host is down.
  it.each([
    ['skip', ['00:01', '00:05']],
    ['once', ['00:01', '00:04 missed 2', '00:05']],
    ['all', ['00:01', '00:02', '00:03', '00:04', '00:05']],
  ])('after being down for three occurrences, misfire: %s', async (misfire, expected) => {
    const before = await cronHost({ misfire });
    await before.clock.advance(minute);
    await before.stop();
    await before.clock.advance(3 * minute + 10_000);
    const after = await cronHost({ misfire }, { clock: before.clock, memory: before.memory });
    await after.clock.advance(minute);
    await after.stop();
    expect(after.times()).toEqual(expected);
  });

  it('counts what was missed from the very first start when there was no event yet', async () => {
    const memory = new RecordedMemory();
    memory.firstStart = start - 150_000;
    const host = await cronHost({}, { memory });
    await host.clock.advance(0);
    await host.stop();
    expect(host.times()).toEqual(['00:00 missed 2']);
  });

  it('makes up for the newest up to misfire_limit, and says how many came before', async () => {
    const memory = new RecordedMemory();
    memory.firstStart = start - 3_600_000;
    const host = await cronHost({ misfire: 'all', misfire_limit: 3 }, { memory });
    await host.clock.advance(0);
    await host.stop();
    expect(host.times()).toEqual(['23:58 missed 3', '23:59', '00:00']);
  });

  it('answers at once after a year without a host and a schedule of every second', async () => {
    const memory = new RecordedMemory();
    memory.firstStart = start - 365 * 86_400_000;
    const host = await cronHost({ cron_expression: '* * * * * *' }, { memory });
    await host.clock.advance(0);
    await host.stop();
    expect(host.times()).toEqual(['00:00 missed 100']);
  });

  // C2
  it('repeats nothing when the clock is set back by an hour, and goes on after it', async () => {
    const host = await cronHost({});
    await host.clock.advance(2 * minute);
    host.clock.jump(-60 * minute);
    await host.clock.advance(61 * minute);
    await host.stop();
    expect(host.times()).toEqual(['00:01', '00:02', '00:03']);
  });

  it('goes on from the new time when the clock is set back by a day, without a double', async () => {
    const host = await cronHost({});
    await host.clock.advance(2 * minute);
    host.clock.jump(-86_400_000);
    await host.clock.advance(3 * minute);
    await host.stop();
    expect(host.times().slice(0, 2)).toEqual(['00:01', '00:02']);
    expect(host.times().length).toBeGreaterThanOrEqual(4);
    expect(new Set(host.memory.accepted.map(({ eventId }) => eventId)).size).toBe(host.memory.accepted.length);
  });

  it.each([
    ['skip', ['00:00', '01:01']],
    ['once', ['00:00', '01:01 missed 60']],
    ['all', ['00:00', ...Array.from({ length: 59 }, (_, index) => `00:${String(index + 1).padStart(2, '0')}`), '01:00', '01:01']],
  ])('applies misfire: %s once when the clock is set forward by an hour', async (misfire, expected) => {
    const host = await cronHost({ misfire, cron_expression: '30 * * * * *' });
    await host.clock.advance(31_000);
    host.clock.jump(60 * minute);
    await host.clock.advance(minute);
    await host.stop();
    expect(host.times()).toEqual(expected);
  });

  // C1
  it('waits for an occurrence that is more than 2^31 ms away', async () => {
    const host = await cronHost({ cron_expression: '0 0 1 7 *' });
    await host.clock.advance(Date.UTC(2026, 6, 1) - start - 1);
    expect(host.times()).toEqual([]);
    await host.clock.advance(1);
    await host.stop();
    expect(host.times()).toEqual(['00:00']);
  });

  it('overlap: queue waits until the event before is closed, and makes up by the misfire policy', async () => {
    const host = await cronHost({ overlap: 'queue' });
    await host.clock.advance(minute);
    host.memory.open = 1;
    await host.clock.advance(3 * minute);
    expect(host.times()).toEqual(['00:01']);
    host.memory.open = 0;
    await host.clock.advance(1_000);
    await host.stop();
    expect(host.times()).toEqual(['00:01', '00:02', '00:04 missed 1']);
  });

  it('overlap: skip drops what is due while the event before is open', async () => {
    const host = await cronHost({ overlap: 'skip' });
    await host.clock.advance(minute);
    host.memory.open = 1;
    await host.clock.advance(3 * minute);
    host.memory.open = 0;
    await host.clock.advance(minute);
    await host.stop();
    expect(host.times()).toEqual(['00:01', '00:05']);
  });

  it('overlap: allow looks at nothing', async () => {
    const host = await cronHost({ overlap: 'allow' });
    host.memory.open = 1;
    await host.clock.advance(2 * minute);
    await host.stop();
    expect(host.times()).toEqual(['00:01', '00:02']);
  });

  it('offers a rejected occurrence again after the time that was asked for', async () => {
    const clock = fixedClock(start);
    const { deps } = triggerRig(clock);
    const trigger = new CronTrigger(deps, triggerConfig({ type: 'cron', id: 'tick', cron_expression: '* * * * *' }));
    await trigger.start();
    const first = trigger.waitForNext();
    await clock.advance(minute);
    await trigger.reject(await first, { message: 'the journal is down', retryAfterMs: 5_000 });
    let again: TriggerEvent | undefined;
    void trigger.waitForNext().then((event) => (again = event));
    await clock.advance(4_999);
    expect(again).toBeUndefined();
    await clock.advance(1);
    expect(again?.eventId).toBe('cron:tick:2026-01-01T00:01:00.000Z');
  });

  it('rejects the waiting call when it is stopped, and can be started again', async () => {
    const clock = fixedClock(start);
    const { deps } = triggerRig(clock);
    const trigger = new CronTrigger(deps, triggerConfig({ type: 'cron', cron_expression: '@daily' }));
    await expect(trigger.waitForNext()).rejects.toThrow(/is stopped/);
    await trigger.start();
    const waiting = trigger.waitForNext();
    await trigger.stop();
    await expect(waiting).rejects.toMatchObject({ code: 'TRIGGER_STOPPED' });
    expect(clock.pending()).toEqual([]);
    await trigger.start();
    expect(trigger.nextDueAt).toBe(start + 86_400_000);
  });

  it('refuses a configuration without an expression, or with one that can not be read', () => {
    const { deps } = triggerRig(fixedClock());
    expect(() => new CronTrigger(deps, triggerConfig({ type: 'cron' }))).toThrow(/needs cron_expression/);
    expect(() => new CronTrigger(deps, triggerConfig({ type: 'cron', cron_expression: '0 0 30 2 *' }))).toThrow(/cron_expression/);
  });
});
