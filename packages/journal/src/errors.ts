import { CortexError, type JsonObject } from '@cortex-runtime/core';

/** The journal was closed; nothing more is written or read through this handle. */
export class JournalClosedError extends CortexError {
  readonly code = 'JOURNAL_CLOSED';

  constructor(options?: ErrorOptions) {
    super('the journal is closed; open it again to go on', options);
  }
}

/** A write or a sync failed. What was not acknowledged may or may not be on disk, so the journal takes nothing more until it is opened again. */
export class JournalFailedError extends CortexError {
  readonly code = 'JOURNAL_FAILED';

  constructor(reason: string, options?: ErrorOptions) {
    super(`the journal stopped after a failed write (${reason}); nothing later was acknowledged: free the disk or replace it, then open the journal again`, options);
  }
}

/** Bytes that were on stable storage are not what was written. */
export class JournalCorruptError extends CortexError {
  readonly code = 'JOURNAL_CORRUPT';
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly problem: string;

  constructor(damage: { file: string; offset: number; problem: string }, options?: ErrorOptions) {
    super(
      `the journal is damaged at ${damage.file}, byte ${damage.offset}: ${damage.problem}. Nothing was changed. ` +
        'Restore the file from a backup, or run `cortex verify --repair`, which keeps the damaged bytes aside and the rest readable',
      options,
    );
    this.file = damage.file;
    this.offset = damage.offset;
    this.problem = damage.problem;
  }
}

/** The journal was written by a newer version of this package. */
export class JournalFormatError extends CortexError {
  readonly code = 'JOURNAL_FORMAT';

  constructor(found: unknown, known: number, options?: ErrorOptions) {
    super(`the journal holds records of format version ${String(found)}; this version reads up to ${known}: upgrade @cortex-runtime/journal`, options);
  }
}

/** Another live process owns the data directory. */
export class DataDirectoryInUseError extends CortexError {
  readonly code = 'DATA_DIRECTORY_IN_USE';
  override readonly retryable = true;
  readonly directory: string;
  readonly owner: { pid: number; hostname: string; startedAt: string };

  constructor(directory: string, owner: { pid: number; hostname: string; startedAt: string }, options?: ErrorOptions) {
    super(
      `the data directory ${directory} is in use by process ${owner.pid} on ${owner.hostname} since ${owner.startedAt}: stop that process, or choose another data directory`,
      options,
    );
    this.directory = directory;
    this.owner = owner;
  }
}

/** This process was the owner of the data directory and no longer is. */
export class DataDirectoryLostError extends CortexError {
  readonly code = 'DATA_DIRECTORY_LOST';

  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(`this process no longer owns the data directory ${directory} (${reason}); it must stop writing`, options);
  }
}

/** A run asked for another effect under an id that is already recorded. */
export class NonDeterminismError extends CortexError {
  readonly code = 'EFFECT_NON_DETERMINISM';
  readonly effectId: string;

  constructor(effectId: string, recorded: string, asked: string, options?: ErrorOptions) {
    super(`effect ${effectId} is recorded as ${recorded}, but the run now asks for ${asked}: finish or dead-letter the run before changing what it does`, options);
    this.effectId = effectId;
  }
}

/** Nobody knows whether the effect happened; the run waits until somebody says. */
export class UnknownOutcomeError extends CortexError {
  readonly code = 'EFFECT_UNKNOWN';
  readonly effectId: string;

  constructor(effectId: string, effectName: string, reason: string, options?: ErrorOptions) {
    super(`it is unknown whether ${effectName} happened (effect ${effectId}: ${reason}); settle it with \`cortex resolve ${effectId} happened|not-happened|retry\``, options);
    this.effectId = effectId;
  }
}

/** An effect was not begun, because something outside has to come first; its run waits until `EffectLog.resume`. Thrown by whoever carries the effect out. */
export class EffectDeferredError extends CortexError {
  readonly code = 'EFFECT_DEFERRED';
  override readonly retryable = true;
  readonly effectId: string;
  readonly reason: string;
  /** What has to come first, in the words of whoever carries the effect out. */
  readonly waitsFor: JsonObject;

  constructor(effectId: string, effectName: string, reason: string, waitsFor: JsonObject, options?: ErrorOptions) {
    super(`${effectName} was not begun (effect ${effectId}: ${reason})`, options);
    this.effectId = effectId;
    this.reason = reason;
    this.waitsFor = waitsFor;
  }
}

/** The state of the process is not in memory. */
export class LogAsleepError extends CortexError {
  readonly code = 'JOURNAL_LOG_ASLEEP';
  readonly processId: string;

  constructor(processId: string, options?: ErrorOptions) {
    super(`the state of process ${processId} is not in memory: recover its log first`, options);
    this.processId = processId;
  }
}
