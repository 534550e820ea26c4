import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';

import { describeError, InvalidInputError, type Timer } from '@cortex-runtime/core';
import { loadDirectory, loadManifest, manifestToProcessConfig, type ManifestCache, type ProcessConfig } from '@cortex-runtime/manifest';

import { ProcessExistsError, ProcessNotFoundError } from '../errors.ts';
import { ProcessState } from '../lifecycle/process-state.ts';
import { AgentProcess } from '../process/agent-process.ts';
import type { ProcessStatus } from '../process/process-status.ts';
import { inParallel } from './in-parallel.ts';
import type { RuntimeConfig } from './runtime-config.ts';
import type { RuntimeDependencies, RuntimeOptions } from './runtime-dependencies.ts';

export interface AddProcessOptions {
  /** The journal's key. Default: the name, so that a process finds its journal again. */
  processId?: string;
  /** Path of the manifest. */
  source?: string;
  /** Where relative paths of the configuration begin. Default: the manifest's directory, or the working directory. */
  baseDirectory?: string;
}

/** What became of each process when all were started. */
export interface StartReport {
  started: string[];
  failed: { name: string; error: unknown }[];
  /** Left as they were: stopped by an operator, or running already. */
  skipped: { name: string; reason: string }[];
}

/** From this many processes on, the start of all of them saves memory. */
const largeFleet = 500;
const namePattern = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
/** Processes that are started or stopped at the same time. */
const parallelOperations = 64;

/**
 * The processes of one host: registered, started, stopped and watched together. A process that fails takes no other with it.
 *
 * Creating a runtime starts nothing; `close()` or `await using` stops all processes.
 */
export class AgentRuntime {
  readonly #deps: RuntimeDependencies;
  readonly #options: RuntimeOptions;
  readonly #processes = new Map<string, AgentProcess>();
  #sweep: Timer | undefined;
  #closed = false;

  constructor(deps: RuntimeDependencies, options: RuntimeOptions = {}) {
    this.#deps = deps;
    this.#options = options;
  }

  /** A runtime with every process of a configuration registered. */
  static async fromConfig(deps: RuntimeDependencies, config: RuntimeConfig, options: RuntimeOptions = {}): Promise<AgentRuntime> {
    const runtime = new AgentRuntime(deps, options);
    if (config.distributed.enabled) deps.logger.warn({ field: 'distributed.enabled' }, 'accepted, has no effect in this version: a fleet comes with a later release');
    for (const [name, process] of Object.entries(config.processes)) await runtime.addProcess(name, process);
    return runtime;
  }

  get processes(): ReadonlyMap<string, AgentProcess> {
    return this.#processes;
  }

  /**
   * Registers a process; it is read back from its journal when it starts.
   *
   * @throws ProcessExistsError, InvalidInputError
   */
  async addProcess(name: string, config: ProcessConfig, options: AddProcessOptions = {}): Promise<AgentProcess> {
    if (!namePattern.test(name)) throw new InvalidInputError('name', `must begin with a letter and have at most 64 letters, digits, - or _, got ${JSON.stringify(name.slice(0, 80))}`);
    if (this.#processes.has(name)) throw new ProcessExistsError(name);
    const baseDirectory = options.baseDirectory ?? (options.source === undefined ? resolve('.') : dirname(resolve(options.source)));
    const journal = await this.#deps.openJournal(config.journal, { processName: name, baseDirectory });
    if (this.#processes.has(name)) throw new ProcessExistsError(name);
    const process = new AgentProcess(
      this.#deps,
      { name, processId: options.processId ?? name, config, digest: configDigest(config), baseDirectory, journal, ...(options.source === undefined ? {} : { source: options.source }) },
      this.#options,
    );
    this.#processes.set(name, process);
    return process;
  }

  /** Registers the process of an `.agent` file. @throws ManifestError, ManifestValidationError, ProcessExistsError */
  async loadManifest(path: string, options: { nameOverride?: string } = {}): Promise<AgentProcess> {
    const manifest = await loadManifest(path, this.#manifestDeps());
    return this.addProcess(options.nameOverride ?? manifest.name, manifestToProcessConfig(manifest), { source: resolve(path) });
  }

  /** Registers every `*.agent` file of a directory. A bad file does not stop the others: it is reported. */
  async loadDirectory(directory: string, options: { cache?: ManifestCache } = {}): Promise<{ loaded: string[]; errors: { file: string; error: unknown }[] }> {
    const { manifests, errors } = await loadDirectory(directory, { ...this.#manifestDeps(), ...options });
    const report: { loaded: string[]; errors: { file: string; error: unknown }[] } = { loaded: [], errors: errors.map(({ file, error }) => ({ file, error })) };
    for (const { filePath, manifest, config } of manifests) {
      try {
        report.loaded.push((await this.addProcess(manifest.name, config, { source: resolve(filePath) })).name);
      } catch (error) {
        report.errors.push({ file: filePath, error });
      }
    }
    return report;
  }

  /** @throws ProcessNotFoundError naming the nearest process */
  getProcess(name: string): AgentProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new ProcessNotFoundError(name, this.#processes.keys());
    return process;
  }

  listProcesses(): { name: string; state: ProcessState; processId: string; uptimeMs: number }[] {
    return [...this.#processes.values()].map((process) => ({ name: process.name, state: process.state, processId: process.processId, uptimeMs: process.status().uptime_seconds * 1_000 }));
  }

  /** @throws ProcessNotFoundError */
  processStatus(name: string): ProcessStatus {
    return this.getProcess(name).status();
  }

  status(): { processCount: number; processes: Record<string, ProcessStatus> } {
    return { processCount: this.#processes.size, processes: Object.fromEntries([...this.#processes].map(([name, process]) => [name, process.status()])) };
  }

  /** Tells a process that an approval which it asked for was answered, or has expired. Names that are not of a process are let pass: others ask for approvals, too. */
  async takeUpAnswered(name: string): Promise<void> {
    await this.#processes.get(name)?.takeUpAnswered();
  }

  /** Stops a process when it runs and forgets it. Its journal stays; a process that is added under its name later begins anew. @throws ProcessNotFoundError */
  async removeProcess(name: string): Promise<void> {
    const process = this.getProcess(name);
    await process.stop({ by: 'operator', reason: 'removed' });
    await process.recordRemoval();
    this.#processes.delete(name);
  }

  /** @throws ProcessNotFoundError, and whatever keeps the process from starting */
  async startProcess(name: string): Promise<void> {
    await this.getProcess(name).start({ by: 'operator' });
    this.#armSweep();
  }

  /** @throws ProcessNotFoundError */
  async stopProcess(name: string): Promise<void> {
    await this.getProcess(name).stop({ by: 'operator' });
  }

  /** Stops it when it runs, then starts it. @throws ProcessNotFoundError, and whatever keeps the process from starting */
  async restartProcess(name: string): Promise<void> {
    const process = this.getProcess(name);
    await process.stop({ by: 'operator', reason: 'restart' });
    await process.start({ by: 'operator', reason: 'restart' });
    this.#armSweep();
  }

  /** Starts every process that does not run, many at a time. A process that an operator stopped stays stopped. */
  async startAll(options: { onStarted?: (name: string) => void } = {}): Promise<StartReport> {
    const report: StartReport = { started: [], failed: [], skipped: [] };
    await inParallel([...this.#processes.values()], parallelOperations, async (process) => {
      const { name } = process;
      try {
        if (process.isLive) {
          report.skipped.push({ name, reason: `it is ${process.state} already` });
          return;
        }
        await process.wake();
        const last = process.lifecycle.history.at(-1);
        if (process.state === ProcessState.STOPPED && last?.metadata['by'] === 'operator') {
          report.skipped.push({ name, reason: `an operator stopped it at ${last.timestamp}` });
          return;
        }
        await process.start({ by: 'host' });
        // In a large fleet those with nothing to do leave memory at once: all of them awake together would be the most that the host ever needs.
        if (this.#options.hibernateAfterMs !== undefined && this.#processes.size >= largeFleet) await process.hibernate();
        report.started.push(name);
        options.onStarted?.(name);
      } catch (error) {
        report.failed.push({ name, error });
        this.#deps.logger.error({ process: name, error: describeError(error) }, 'a process could not start');
      }
    });
    this.#armSweep();
    return report;
  }

  /** Stops every process, many at a time, each with its own grace period. Those that fail to stop are logged. */
  async stopAll(options: { by?: 'operator' | 'host'; reason?: string } = {}): Promise<void> {
    await inParallel([...this.#processes.values()], parallelOperations, async (process) => {
      if (!process.isLive) return;
      await process.stop({ by: options.by ?? 'operator', reason: options.reason ?? 'stop all' }).catch((error: unknown) => {
        this.#deps.logger.error({ process: process.name, error: describeError(error) }, 'a process did not stop cleanly');
      });
    });
  }

  /** Stops what runs. Processes that ran go on at the next start of the host. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#sweep?.cancel();
    await this.stopAll({ by: 'host', reason: 'the host stops' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #manifestDeps() {
    return { disk: this.#deps.disk, environment: this.#deps.environment };
  }

  /** One timer for all processes: those without work leave memory. */
  #armSweep(): void {
    const { hibernateAfterMs } = this.#options;
    if (hibernateAfterMs === undefined || this.#sweep !== undefined || this.#closed) return;
    this.#sweep = this.#deps.clock.setTimer(
      Math.max(50, hibernateAfterMs / 2),
      () => {
        void inParallel([...this.#processes.values()], parallelOperations, async (process) => {
          if (!process.isHibernating && process.isLive) await process.hibernate(hibernateAfterMs);
        })
          .catch((error: unknown) => this.#deps.logger.error({ error: describeError(error) }, 'hibernation failed'))
          .finally(() => {
            this.#sweep = undefined;
            this.#armSweep();
          });
      },
      { keepAlive: false },
    );
  }
}

/** Tells whether a configuration changed. It may differ for two that mean the same (keys of a map in another order): then the same is deployed once more, which harms nobody. */
function configDigest(config: ProcessConfig): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex');
}
