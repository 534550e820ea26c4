import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';

import { describeError, type Timer } from '@cortex-runtime/core';

import type { BaseTrigger, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError, TriggerStoppedError } from '../errors.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { glob, type Glob } from './glob.ts';
import { netChange, type FileChangeKind } from './net-change.ts';
import { watchDirectory, type FileFacts } from './watch-directory.ts';

/** Notifications can be this late, so a restart looks this much further back; what was reported already is known by its id. */
const lookBackMs = 10_000;
/** File systems take their times from a clock that ticks every 1 to 10 ms and so is behind ours. */
const fileClockLagMs = 10;
/** How far apart the two halves of a move are told: deletions are held back for 100 ms, to see whether the file comes again. */
const moveHalvesMs = 250;
/** A name that ends so is an editor's backup. */
const backupSuffix = '~';

interface Change {
  path: string;
  kinds: Set<FileChangeKind>;
  /** The newest facts; for a file that is gone, what it was. */
  facts: FileFacts | undefined;
  previousPath?: string;
  /** A path that held the same file: a move when it is gone at the end of the window, else a second name. */
  maybeFrom?: string;
  window: Timer | undefined;
  /** The change time of the first notification, for the watermark. */
  since: number;
}

/**
 * Wakes an agent when files of a directory change.
 *
 * Changes of one path within the debounce window are one event; a path whose event still waits to be taken is not queued twice. A file that was created or changed
 * while nobody watched is found at the start: its change time is later than `seen_until` of the last event. A deletion while nobody watched is not noticed.
 */
export class FileWatchTrigger implements BaseTrigger {
  readonly triggerId: string;
  readonly triggerType = 'file_watch';
  readonly #deps: TriggerDependencies;
  readonly #config: TriggerConfig;
  readonly #directory: string;
  readonly #patterns: readonly Glob[];
  readonly #ignored: readonly Glob[];
  #isActive = false;
  #stopWatching: (() => Promise<void>) | undefined;
  #broken: Error | undefined;
  #isReady = false;
  /** Files that changed later than this are events of the scan at the start. */
  #since = Number.POSITIVE_INFINITY;
  /** What is known of the files that are there. */
  readonly #known = new Map<string, FileFacts>();
  readonly #open = new Map<string, Change>();
  /** Closed changes, waiting to be handed out. */
  readonly #ready = new Map<string, Change>();
  /** Handed out, not acknowledged yet, by event id. */
  readonly #given = new Map<string, Change>();
  /** Deletions that may turn out to be the first half of a move, by inode. */
  readonly #departed = new Map<number, Change>();
  /** Paths by inode, to know the first half of a move whose deletion is told later; kept only when moves are watched. */
  readonly #inodes = new Map<number, string>();
  /** Paths that a move has left and whose deletion is still to be told. */
  readonly #left = new Set<string>();
  #asker: { resolve: (event: TriggerEvent) => void; reject: (error: Error) => void } | undefined;
  #retry: Timer | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    this.#deps = deps;
    this.#config = config;
    this.triggerId = triggerIdOf(config);
    if (config.watchPath === undefined) throw new TriggerError('a file_watch trigger needs watch_path', { triggerId: this.triggerId });
    this.#directory = isAbsolute(config.watchPath) ? resolve(config.watchPath) : resolve(deps.baseDirectory, config.watchPath);
    this.#patterns = config.watchPatterns.map(glob);
    this.#ignored = config.watchIgnore.map(glob);
  }

  /** Resolves also when the directory is not there yet: then `waitForNext` says so, and every further call looks again. */
  async start(): Promise<void> {
    if (this.#isActive) return;
    this.#isActive = true;
    await this.#watch();
  }

  async stop(): Promise<void> {
    this.#isActive = false;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#asker?.reject(new TriggerStoppedError(this.triggerId));
    this.#asker = undefined;
    this.#given.clear();
    await this.#unwatch();
  }

  async waitForNext(): Promise<TriggerEvent> {
    if (!this.#isActive) throw new TriggerStoppedError(this.triggerId);
    if (this.#asker !== undefined) throw new TriggerError(`trigger ${this.triggerId} is waited for already`, { triggerId: this.triggerId });
    if (this.#stopWatching === undefined && this.#ready.size === 0) {
      await this.#watch();
      if (!this.#isActive) throw new TriggerStoppedError(this.triggerId);
      if (this.#broken !== undefined) throw this.#brokenError(this.#broken);
    }
    return new Promise((resolve, reject) => {
      this.#asker = { resolve, reject };
      this.#giveNext();
    });
  }

  acknowledge(event: TriggerEvent): Promise<void> {
    this.#given.delete(event.eventId);
    return Promise.resolve();
  }

  /** The change goes back and is offered again, with whatever happened to the file since. */
  reject(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): Promise<void> {
    const change = this.#given.get(event.eventId);
    if (change === undefined) return Promise.resolve();
    this.#given.delete(event.eventId);
    this.#notBefore = this.#deps.clock.now() + reason.retryAfterMs;
    this.#enqueue(change);
    return Promise.resolve();
  }

  /** Resolves when the directory is watched; leaves `#broken` set when it can not be. */
  async #watch(): Promise<void> {
    if (this.#stopWatching !== undefined) return;
    const found = await this.#deps.disk.stat(this.#directory);
    if (found?.kind !== 'directory') {
      this.#broken = new Error(found === undefined ? `the directory ${this.#directory} does not exist; make it, and watching begins` : `${this.#directory} is not a directory`);
      return;
    }
    if (!this.#isActive || this.#stopWatching !== undefined) return;
    this.#broken = undefined;
    this.#isReady = false;
    this.#since = this.#scanFrom();
    await new Promise<void>((ready) => {
      this.#stopWatching = watchDirectory(
        this.#directory,
        { isRecursive: this.#config.watchRecursive, stableMs: this.#config.watchStableMs, ignores: (path) => this.#isIgnored(path) },
        {
          onSeen: (kind, path, facts) => this.#seen(kind, path, facts),
          onGone: (path) => this.#gone(path),
          onReady: () => {
            this.#isReady = true;
            ready();
          },
          onDoubt: () => void this.#lookForDirectory(),
          onBroken: (error) => {
            ready();
            void this.#break(error);
          },
        },
      );
    });
  }

  async #unwatch(): Promise<void> {
    const stopWatching = this.#stopWatching;
    this.#stopWatching = undefined;
    for (const change of [...this.#open.values(), ...this.#departed.values()]) change.window?.cancel();
    for (const changes of [this.#open, this.#ready, this.#departed, this.#known, this.#inodes, this.#left]) changes.clear();
    await stopWatching?.();
  }

  async #lookForDirectory(): Promise<void> {
    const found = await this.#deps.disk.stat(this.#directory).catch(() => undefined);
    if (found?.kind !== 'directory' && this.#stopWatching !== undefined) await this.#break(new Error(`the directory ${this.#directory} is gone`));
  }

  async #break(error: Error): Promise<void> {
    this.#broken = error;
    const asker = this.#asker;
    this.#asker = undefined;
    const stopWatching = this.#stopWatching;
    this.#stopWatching = undefined;
    for (const facts of [this.#known, this.#inodes, this.#left]) facts.clear();
    asker?.reject(this.#brokenError(error));
    await stopWatching?.();
  }

  #brokenError(cause: Error): TriggerError {
    return new TriggerError(`trigger ${this.triggerId} can not watch: ${cause.message}`, { cause, triggerId: this.triggerId, retryable: true });
  }

  /** Which files of the first scan are events: those that changed after what the last event had seen, or after the very first start. */
  #scanFrom(): number {
    const last = this.#deps.memory.lastEvent();
    if (last !== undefined) {
      const payload = last.payload;
      const text = typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? (payload as { readonly seen_until?: unknown }).seen_until : undefined;
      const seenUntil = typeof text === 'string' ? Date.parse(text) : Number.NaN;
      const from = (Number.isNaN(seenUntil) ? last.timestamp : seenUntil) - lookBackMs - this.#config.watchStableMs;
      return this.#config.watchExisting ? from : Math.max(from, (this.#deps.memory.firstStartedAt() ?? from) - fileClockLagMs);
    }
    if (this.#config.watchExisting) return Number.NEGATIVE_INFINITY;
    return (this.#deps.memory.firstStartedAt() ?? this.#deps.clock.now()) - fileClockLagMs;
  }

  #seen(kind: 'created' | 'modified', path: string, facts: FileFacts): void {
    if (!this.#isWatched(path)) return;
    const isScan = !this.#isReady;
    const sameFile = this.#watchesMoves ? this.#inodes.get(facts.inode) : undefined;
    this.#known.set(path, facts);
    this.#left.delete(path);
    if (this.#watchesMoves) this.#inodes.set(facts.inode, path);
    if (isScan) {
      if (facts.changedAt <= this.#since) return;
      const wasThere = facts.bornAt <= this.#since && facts.modifiedAt > this.#since;
      this.#note(path, wasThere ? 'modified' : 'created', facts);
      return;
    }
    const departed = kind === 'created' ? this.#departed.get(facts.inode) : undefined;
    if (departed !== undefined && departed.path !== path) {
      this.#departed.delete(facts.inode);
      departed.window?.cancel();
      this.#open.delete(departed.path);
      this.#note(path, 'moved', facts).previousPath = departed.path;
      return;
    }
    const change = this.#note(path, kind, facts, kind === 'created' && sameFile !== undefined && sameFile !== path ? moveHalvesMs : 0);
    if (kind === 'created' && sameFile !== undefined && sameFile !== path) change.maybeFrom = sameFile;
  }

  #gone(path: string): void {
    if (!this.#isWatched(path)) return;
    const facts = this.#known.get(path);
    this.#known.delete(path);
    if (this.#left.delete(path)) return;
    const change = this.#note(path, 'deleted', facts, this.#watchesMoves ? this.#config.watchStableMs * 2 + moveHalvesMs : 0);
    if (facts === undefined || !this.#watchesMoves) return;
    if (this.#inodes.get(facts.inode) === path) {
      this.#inodes.delete(facts.inode);
      this.#departed.set(facts.inode, change);
    }
  }

  get #watchesMoves(): boolean {
    return this.#config.watchEvents.includes('moved');
  }

  /** Opens a window for the path at its first change, or adds to the one that is open. */
  #note(path: string, kind: FileChangeKind, facts: FileFacts | undefined, extraMs = 0): Change {
    let change = this.#open.get(path);
    if (change === undefined) {
      change = { path, kinds: new Set(), facts, window: undefined, since: facts?.changedAt ?? this.#deps.clock.now() };
      this.#open.set(path, change);
      this.#arm(change, this.#config.watchDebounceMs + extraMs);
    }
    change.kinds.add(kind);
    change.facts = facts ?? change.facts;
    return change;
  }

  #arm(change: Change, delayMs: number): void {
    change.window = this.#deps.clock.setTimer(delayMs, () => {
      this.#close(change).catch((error: unknown) => {
        this.#deps.logger.warn({ trigger_id: this.triggerId, path: change.path, error: describeError(error) }, 'a changed file could not be looked at');
        this.#arm(change, 1_000);
      });
    });
  }

  async #close(change: Change): Promise<void> {
    const stat = await this.#deps.disk.stat(change.path);
    if (this.#open.get(change.path) !== change) return;
    // A file of the first scan may still be written: chokidar waits only for those that come later.
    const { watchStableMs } = this.#config;
    const age = stat === undefined ? Number.POSITIVE_INFINITY : this.#deps.clock.now() - stat.modifiedAt;
    if (age >= 0 && age < watchStableMs) {
      this.#arm(change, watchStableMs - age);
      return;
    }
    if (change.maybeFrom !== undefined) await this.#settleMove(change, change.maybeFrom);
    if (this.#open.get(change.path) !== change) return;
    this.#open.delete(change.path);
    if (change.facts !== undefined && this.#departed.get(change.facts.inode) === change) this.#departed.delete(change.facts.inode);
    if (stat !== undefined && change.facts !== undefined) change.facts = { ...change.facts, size: stat.size, modifiedAt: stat.modifiedAt };
    this.#enqueue(change, stat !== undefined);
  }

  /** Makes a created path a moved one when the path that held the same file is gone, and takes back the deletion of that one. */
  async #settleMove(change: Change, from: string): Promise<void> {
    delete change.maybeFrom;
    if ((await this.#deps.disk.stat(from)) !== undefined) return;
    change.kinds.delete('created');
    change.kinds.add('moved');
    change.previousPath = from;
    const deletion = this.#open.get(from);
    if (deletion === undefined) {
      if (this.#known.delete(from)) this.#left.add(from);
      return;
    }
    deletion.window?.cancel();
    this.#open.delete(from);
  }

  #enqueue(change: Change, exists = this.#known.has(change.path)): void {
    const waiting = this.#ready.get(change.path);
    if (waiting !== undefined) for (const kind of waiting.kinds) change.kinds.add(kind);
    change.since = Math.min(change.since, waiting?.since ?? Number.POSITIVE_INFINITY);
    this.#ready.delete(change.path);
    const net = netChange(change.kinds, exists);
    if (net === undefined || !this.#config.watchEvents.includes(net)) return;
    this.#ready.set(change.path, change);
    this.#giveNext();
  }

  #giveNext(): void {
    const asker = this.#asker;
    if (asker === undefined || this.#ready.size === 0) return;
    const waitMs = this.#notBefore - this.#deps.clock.now();
    if (waitMs > 0) {
      this.#retry?.cancel();
      this.#retry = this.#deps.clock.setTimer(waitMs, () => this.#giveNext());
      return;
    }
    for (const change of this.#ready.values()) {
      this.#ready.delete(change.path);
      const event = this.#eventFor(change);
      this.#given.set(event.eventId, change);
      this.#asker = undefined;
      asker.resolve(event);
      return;
    }
  }

  #eventFor(change: Change): TriggerEvent {
    const { path, facts, kinds, previousPath } = change;
    const net = netChange(kinds, this.#known.has(path)) ?? 'deleted';
    const now = this.#deps.clock.now();
    const name = relative(this.#directory, path).split(sep).join('/');
    // A state of a file has one id, whenever it is seen; a deletion leaves no state behind and is seen once.
    const state = net === 'deleted' || facts === undefined ? this.#deps.createId() : `${facts.modifiedAt}:${facts.changedAt}:${facts.size}`;
    return {
      triggerId: this.triggerId,
      triggerType: this.triggerType,
      eventId: `file:${this.triggerId}:${name}:${state}`,
      timestamp: now,
      payload: {
        path,
        ...(previousPath === undefined ? {} : { previous_path: previousPath }),
        filename: basename(path),
        event_type: net,
        event_types: [...kinds],
        ...(net === 'deleted' || facts === undefined ? {} : { size: facts.size, modified_at: new Date(facts.modifiedAt).toISOString() }),
        seen_until: new Date(this.#seenUntil(now, change)).toISOString(),
      },
      metadata: {},
      cause: [],
    };
  }

  /** Every change up to this time is in this event or in one before it: what a restart need not look at again. */
  #seenUntil(now: number, given: Change): number {
    let until = this.#isReady ? now : Math.min(now, Math.max(this.#since, 0));
    for (const changes of [this.#open, this.#ready, this.#given]) {
      for (const change of changes.values()) if (change !== given) until = Math.min(until, change.since);
    }
    return Math.max(until, 0);
  }

  #isWatched(path: string): boolean {
    const name = relative(this.#directory, path).split(sep).join('/');
    if (name === '' || name.endsWith(backupSuffix)) return false;
    return this.#patterns.some((pattern) => pattern.matches(name)) && !this.#ignored.some((pattern) => pattern.matches(name));
  }

  /** What chokidar need not look into; only directories matter here, files are decided one by one. */
  #isIgnored(path: string): boolean {
    const name = relative(this.#directory, path).split(sep).join('/');
    return name !== '' && this.#ignored.some((pattern) => pattern.matches(name) || pattern.matches(join(name, 'x').split(sep).join('/')));
  }
}
