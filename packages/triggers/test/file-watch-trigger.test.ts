import { appendFile, mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import { FileWatchTrigger, type TriggerEvent } from '../src/index.ts';
import { RecordedMemory, triggerConfig, triggerRig } from './trigger-rig.ts';

interface Watch {
  trigger: FileWatchTrigger;
  memory: RecordedMemory;
  /** `event_type name` of what the mailbox took, in order. */
  seen(): string[];
  payloads(): Record<string, unknown>[];
  duplicates: string[];
  stop(): Promise<void>;
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'file-watch-'));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A host with a mailbox that takes each id once, in front of a real directory. */
async function watchHost(path: string, document: Record<string, unknown> = {}, memory = new RecordedMemory()): Promise<Watch> {
  const { deps } = triggerRig(systemClock, { memory, baseDirectory: path });
  const trigger = new FileWatchTrigger(deps, triggerConfig({ type: 'file_watch', id: 'drop', watch_path: '.', watch_debounce_seconds: 0.06, watch_stable_seconds: 0.06, ...document }));
  const duplicates: string[] = [];
  await trigger.start();
  memory.firstStart ??= Date.now();
  const loop = (async () => {
    for (;;) {
      const event = await trigger.waitForNext();
      if (memory.accepted.some(({ eventId }) => eventId === event.eventId)) duplicates.push(event.eventId);
      else memory.accepted.push(event);
      await trigger.acknowledge(event);
    }
  })().catch(() => {});
  const stop = async () => {
    await trigger.stop();
    await loop;
  };
  onTestFinished(stop);
  const payloads = () => memory.accepted.map(({ payload }) => payload as Record<string, unknown>);
  return { trigger, memory, duplicates, stop, payloads, seen: () => payloads().map((payload) => `${String(payload['event_type'])} ${String(payload['filename'])}`) };
}

async function until(condition: () => boolean | undefined): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (condition() !== true) {
    if (Date.now() > deadline) throw new Error('did not happen within 25 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Lets the clock of the file system pass, so that what was written is older than a start that follows. */
async function olderThanTheStart(): Promise<void> {
  const written = Date.now();
  await until(() => Date.now() > written + 20);
}

/** A last file whose event shows that everything before it has been decided. */
async function fence(path: string, watch: Watch): Promise<void> {
  const name = `fence-${watch.memory.accepted.length}.end`;
  await writeFile(join(path, name), 'x');
  await until(() => watch.seen().some((seen) => seen.endsWith(name)));
}

const withoutFences = (seen: string[]) => seen.filter((text) => !text.endsWith('.end'));

describe('FileWatchTrigger', { timeout: 30_000 }, () => {
  it('reports a new file once it is stable, with its facts', async () => {
    const path = await directory();
    const watch = await watchHost(path);
    await writeFile(join(path, 'a.txt'), 'one');
    await appendFile(join(path, 'a.txt'), 'two');
    await until(() => watch.seen().length === 1);
    await fence(path, watch);
    expect(withoutFences(watch.seen())).toEqual(['created a.txt']);
    expect(watch.payloads()[0]).toMatchObject({ path: join(path, 'a.txt'), filename: 'a.txt', event_type: 'created', size: 6, modified_at: expect.stringMatching(/Z$/) });
    expect(watch.memory.accepted[0]?.eventId).toMatch(/^file:drop:a\.txt:/);
  });

  it('reports changes, deletions and moves when they are watched', async () => {
    const path = await directory();
    await writeFile(join(path, 'old.txt'), 'x');
    await olderThanTheStart();
    const watch = await watchHost(path, { watch_events: ['created', 'modified', 'deleted', 'moved'] });
    await appendFile(join(path, 'old.txt'), 'y');
    await until(() => watch.seen().includes('modified old.txt'));
    await rename(join(path, 'old.txt'), join(path, 'new.txt'));
    await until(() => watch.seen().includes('moved new.txt'));
    expect(watch.payloads().at(-1)).toMatchObject({ path: join(path, 'new.txt'), previous_path: join(path, 'old.txt') });
    await rm(join(path, 'new.txt'));
    await until(() => watch.seen().includes('deleted new.txt'));
    expect(watch.seen()).toEqual(['modified old.txt', 'moved new.txt', 'deleted new.txt']);
  });

  it('reports a file that is moved into place as created when moves are not watched', async () => {
    const path = await directory();
    const watch = await watchHost(path, { watch_patterns: ['*.json', '*.end'] });
    await writeFile(join(path, 'data.tmp'), '{}');
    await rename(join(path, 'data.tmp'), join(path, 'data.json'));
    await until(() => watch.seen().includes('created data.json'));
    await fence(path, watch);
    expect(withoutFences(watch.seen())).toEqual(['created data.json']);
  });

  it('looks at patterns, ignores, hidden files, backups and sub-directories as told', async () => {
    const path = await directory();
    await mkdir(join(path, 'in/deep'), { recursive: true });
    await mkdir(join(path, 'out'));
    const watch = await watchHost(path, { watch_patterns: ['*.csv', 'in/*.txt', '*.end'], watch_ignore: ['out/**', 'skip*'] });
    for (const name of ['a.csv', 'a.csv~', '.a.csv', 'b.txt', 'in/b.txt', 'in/deep/b.txt', 'in/deep/c.csv', 'out/d.csv', 'skip.csv']) await writeFile(join(path, name), 'x');
    await until(() => watch.seen().length >= 3);
    await fence(path, watch);
    expect(withoutFences(watch.seen()).sort()).toEqual(['created a.csv', 'created b.txt', 'created c.csv']);
  });

  it('stays in the directory itself when it is not recursive', async () => {
    const path = await directory();
    await mkdir(join(path, 'sub'));
    const watch = await watchHost(path, { watch_recursive: false });
    await writeFile(join(path, 'sub/a.txt'), 'x');
    await fence(path, watch);
    expect(withoutFences(watch.seen())).toEqual([]);
  });

  it('says nothing about a file that is created and deleted within the window', async () => {
    const path = await directory();
    const watch = await watchHost(path, { watch_debounce_seconds: 0.5, watch_stable_seconds: 0, watch_events: ['created', 'deleted'] });
    await writeFile(join(path, 'gone.txt'), 'x');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await rm(join(path, 'gone.txt'));
    await fence(path, watch);
    expect(withoutFences(watch.seen())).toEqual([]);
  });

  it('leaves files alone that were there before the first start, unless told otherwise', async () => {
    const path = await directory();
    await writeFile(join(path, 'before.txt'), 'x');
    await olderThanTheStart();
    const quiet = await watchHost(path);
    await fence(path, quiet);
    expect(withoutFences(quiet.seen())).toEqual([]);
    const eager = await watchHost(path, { watch_existing: true });
    await until(() => eager.seen().includes('created before.txt'));
  });

  it('finds what was created, changed or moved here while the host was down, and repeats nothing', async () => {
    const path = await directory();
    const elsewhere = await directory();
    await writeFile(join(path, 'old.txt'), 'x');
    await writeFile(join(path, 'untouched.txt'), 'x');
    await olderThanTheStart();
    const before = await watchHost(path);
    await writeFile(join(path, 'first.txt'), 'x');
    await until(() => before.seen().length === 1);
    await before.stop();
    await writeFile(join(path, 'second.txt'), 'x');
    await appendFile(join(path, 'old.txt'), 'y');
    await writeFile(join(elsewhere, 'moved.txt'), 'x');
    await utimes(join(elsewhere, 'moved.txt'), new Date('2001-01-01'), new Date('2001-01-01'));
    await rename(join(elsewhere, 'moved.txt'), join(path, 'moved.txt'));
    const after = await watchHost(path, {}, before.memory);
    await until(() => after.seen().length === 4);
    await fence(path, after);
    expect(withoutFences(after.seen()).sort()).toEqual(['created first.txt', 'created moved.txt', 'created second.txt', 'modified old.txt']);
    expect(after.duplicates.length).toBeLessThanOrEqual(1);
  });

  it('finds the files that were not taken yet when the host died', async () => {
    const path = await directory();
    const memory = new RecordedMemory();
    const { deps } = triggerRig(systemClock, { memory, baseDirectory: path });
    const config = triggerConfig({ type: 'file_watch', id: 'drop', watch_path: '.', watch_debounce_seconds: 0.02, watch_stable_seconds: 0.02 });
    const trigger = new FileWatchTrigger(deps, config);
    await trigger.start();
    memory.firstStart = Date.now();
    for (let index = 0; index < 20; index += 1) await writeFile(join(path, `f${index}.txt`), 'x');
    for (let index = 0; index < 5; index += 1) {
      const event = await trigger.waitForNext();
      memory.accepted.push(event);
      await trigger.acknowledge(event);
    }
    await trigger.stop();
    const after = await watchHost(path, {}, memory);
    await until(() => after.seen().length >= 20);
    expect(new Set(after.seen()).size).toBe(20);
  });

  it('offers a rejected change again, as it is by then', async () => {
    const path = await directory();
    const { deps } = triggerRig(systemClock, { baseDirectory: path });
    const trigger = new FileWatchTrigger(deps, triggerConfig({ type: 'file_watch', watch_path: '.', watch_debounce_seconds: 0.02, watch_stable_seconds: 0.02 }));
    await trigger.start();
    onTestFinished(() => trigger.stop());
    await writeFile(join(path, 'a.txt'), 'x');
    const event = await trigger.waitForNext();
    await trigger.reject(event, { message: 'full', retryAfterMs: 30 });
    const again: TriggerEvent = await trigger.waitForNext();
    expect(again.eventId).toBe(event.eventId);
  });

  it('says that the directory is missing, and watches it once it appears', async () => {
    const root = await directory();
    const path = join(root, 'drop');
    const memory = new RecordedMemory();
    const { deps } = triggerRig(systemClock, { memory, baseDirectory: root });
    const trigger = new FileWatchTrigger(deps, triggerConfig({ type: 'file_watch', watch_path: 'drop', watch_debounce_seconds: 0.02, watch_stable_seconds: 0.02 }));
    await trigger.start();
    memory.firstStart = Date.now() - 1;
    onTestFinished(() => trigger.stop());
    await expect(trigger.waitForNext()).rejects.toMatchObject({ code: 'TRIGGER_ERROR', retryable: true, message: expect.stringMatching(/drop does not exist/) });
    await mkdir(path);
    await writeFile(join(path, 'a.txt'), 'x');
    expect((await trigger.waitForNext()).payload).toMatchObject({ filename: 'a.txt', event_type: 'created' });
    const waiting = trigger.waitForNext();
    waiting.catch(() => {});
    await rm(path, { recursive: true });
    await expect(waiting).rejects.toThrow(/is gone/);
  });

  it('refuses a configuration without a path, and a waiting call ends when it is stopped', async () => {
    const path = await directory();
    const { deps } = triggerRig(systemClock, { baseDirectory: path });
    expect(() => new FileWatchTrigger(deps, triggerConfig({ type: 'file_watch' }))).toThrow(/needs watch_path/);
    const trigger = new FileWatchTrigger(deps, triggerConfig({ type: 'file_watch', watch_path: path }));
    await trigger.start();
    const waiting = trigger.waitForNext();
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'TRIGGER_STOPPED' }), trigger.stop()]);
  });
});
