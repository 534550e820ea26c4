import { dirname, resolve } from 'node:path';

import type { AgentRuntime } from '@cortex-runtime/agent-process';
import { Keyspace } from '@cortex-runtime/bus';
import { describeError, idGenerator, type Logger } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import type { JournalEntry } from '@cortex-runtime/journal';
import { priceTable } from '@cortex-runtime/models';
import { createServer, type ServedMesh } from '@cortex-runtime/server';
import { createWebhookRoutes, cronScheduler } from '@cortex-runtime/triggers';

import { buildRuntime } from './build-runtime.ts';
import { collectManifests } from './collect-manifests.ts';
import { ensureToken, openManifestCache, readLogFile, removeHostFile, writeHostFile } from './data-directory/index.ts';
import type { HostConfig } from './host-config.ts';
import { hostVersion } from './host-version.ts';
import { hostLogger } from './log/host-logger.ts';
import { servedMemory } from './memory/served-memory.ts';
import { openMesh } from './mesh/host-mesh.ts';
import { openJournals } from './open-journals.ts';
import { hostPlugins, type HostPlugins } from './plugins/host-plugins.ts';
import { isHostProcess } from './host-processes.ts';
import { servedRuntime } from './served-runtime.ts';
import { servedSessions } from './sessions/served-sessions.ts';
import { openHostStorage } from './storage/host-storage.ts';

/** What a host reports while it starts. Durations are milliseconds since `startHost` was called. */
export type HostProgress =
  | { step: 'journal-opened'; dataDirectory: string; agents: number; afterMs: number }
  | { step: 'listening'; url: string; afterMs: number }
  | { step: 'loaded'; names: readonly string[]; errors: readonly { file: string; error: unknown }[]; afterMs: number }
  | { step: 'started'; started: readonly string[]; failed: readonly { name: string; error: unknown }[]; skipped: readonly { name: string; reason: string }[]; afterMs: number };

export interface StartHostOptions {
  config: HostConfig;
  /** Environment variables that agents, models and servers may refer to. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Manifests, and directories of them; see `collectManifests`. */
  agents: readonly string[];
  workingDirectory: string;
  onProgress?: (progress: HostProgress) => void;
  /** Told of every entry that has become durable, for showing what happens. */
  onEntry?: (entry: JournalEntry) => void;
  /** Told of every warning and error of the log, as a JSON line. */
  onProblem?: (line: string) => void;
}

/** A host at work. */
export interface Host {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly dataDirectory: string;
  readonly runtime: AgentRuntime;
  /** What its agents share with each other, and over Redis with those of other hosts. */
  readonly mesh: ServedMesh;
  readonly logger: Logger;
  /** Lets running work finish within the deadline of the configuration, then ends everything. Safe to call twice. */
  stop(reason: string): Promise<void>;
  /** Resolves once the host has stopped, whoever asked for it. */
  readonly stopped: Promise<HostEnd>;
}

/** Why a host has stopped. */
export interface HostEnd {
  reason: string;
  /** It could not go on: another host took its data directory, or its journal can not be written. Whoever supervises it should start it again. */
  isFailure: boolean;
}

/** See `startHost` of the package. */
export async function startHost(options: StartHostOptions): Promise<Host> {
  const startedAt = performance.now();
  const afterMs = () => performance.now() - startedAt;
  const { config } = options;
  const dataDirectory = resolve(options.workingDirectory, config.dataDirectory);
  const progress = options.onProgress ?? (() => undefined);
  const places = await collectManifests(options.agents, options.workingDirectory);

  const { logger, flush } = hostLogger(dataDirectory, { level: config.logLevel, ...(options.onProblem === undefined ? {} : { onProblem: options.onProblem }) });
  const seams = { clock: systemClock, random: systemRandom, disk: nodeDisk, net: nodeNet, logger };
  const createId = idGenerator(seams);
  // Undone from the last to the first: the file that tells where the host is goes when nothing of it is left.
  const cleanUp: (() => Promise<void> | void)[] = [flush, () => removeHostFile(dataDirectory)];
  const tearDown = async () => {
    for (const step of cleanUp.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        logger.error({ problem: describeError(error) }, 'a part of the host did not end cleanly');
      }
    }
    flush();
  };

  let phase: 'starting' | 'ready' | 'draining' = 'starting';
  let announceStopped: (end: HostEnd) => void = () => undefined;
  const stopped = new Promise<HostEnd>((resolve_) => (announceStopped = resolve_));
  let stopping: Promise<void> | undefined;
  const stop = (reason: string, isFailure = false): Promise<void> => {
    stopping ??= (async () => {
      phase = 'draining';
      logger.info({ reason }, 'the host is stopping');
      await tearDown();
      announceStopped({ reason, isFailure });
    })();
    return stopping;
  };

  try {
    const journals = await openJournals({ ...seams, createId, onEntry: options.onEntry ?? (() => undefined) }, dataDirectory);
    cleanUp.push(() => journals.close());
    const known = await journals.shared.heads();
    progress({ step: 'journal-opened', dataDirectory, agents: known.filter(({ processId }) => !isHostProcess(processId)).length, afterMs: afterMs() });

    const prices = priceTable();
    const storage = await openHostStorage({ ...seams, createId, environment: options.environment, prices }, config, { dataDirectory, workingDirectory: options.workingDirectory });
    cleanUp.push(() => storage.close());

    const scheduler = cronScheduler(seams.clock);
    cleanUp.push(() => scheduler.close());
    const webhookRoutes = createWebhookRoutes();
    const token = config.token ?? ensureToken(dataDirectory, seams.random);
    const plugins = hostPlugins({ ...seams, createId, environment: options.environment, journal: journals.shared, workingDirectory: options.workingDirectory, token });
    cleanUp.push(() => plugins.close());
    const mesh = await openMesh({
      ...seams, createId, environment: options.environment, keyspace: new Keyspace(config.orgId), journal: journals.shared,
      cancelEvent: async (agent, eventId, why) => (await runtime.processes.get(agent)?.cancelEvent(eventId, why)) ?? false,
    }, config);
    cleanUp.push(() => mesh.close());
    const runtime: AgentRuntime = buildRuntime({ ...seams, createId, environment: options.environment, journals, plugins, scheduler, webhookRoutes, prices, storage, mesh }, { hibernateAfterMs: config.hibernateAfterMs, version: hostVersion() });
    cleanUp.push(() => within(config.stopTimeoutMs, runtime.close()));
    takeUpAnswers(plugins, runtime, logger);

    const server = createServer(
      {
        ...seams,
        runtime: servedRuntime(runtime),
        memory: servedMemory(storage.typedMemory),
        sessions: servedSessions(storage.sessions),
        plugins: plugins.served,
        mesh: mesh.served,
        webhookRoutes,
        phase: () => phase,
        requestShutdown: () => void stop('POST /runtime/shutdown'),
        readLogs: (query) => readLogFile(dataDirectory, query),
      },
      { token, allowedHosts: config.allowedHosts, trustedProxies: config.trustedProxies },
    );
    // Stopped before the runtime: what is still being accepted then belongs to an agent that drains.
    cleanUp.push(() => server.close());
    const { url, port } = await server.listen(config.host, config.port);
    writeHostFile(dataDirectory, { pid: process.pid, url, host: config.host, port, startedAt: new Date().toISOString() });
    logger.info({ url, data_directory: dataDirectory, pid: process.pid, after_ms: Math.round(afterMs()) }, 'the host is ready');
    progress({ step: 'listening', url, afterMs: afterMs() });

    journals.lost.addEventListener(
      'abort',
      () => {
        const reason = describeError(journals.lost.reason);
        logger.error({ problem: reason }, 'the host can not go on and stops');
        void stop(reason, true);
      },
      { once: true },
    );

    await loadAndStart({ runtime, plugins, workingDirectory: options.workingDirectory, places, dataDirectory, logger, progress, afterMs, isStopping: () => stopping !== undefined });
    if (phase === 'starting') phase = 'ready';
    return { url, port, token, dataDirectory, runtime, mesh: mesh.served, logger, stop: (reason) => stop(reason), stopped };
  } catch (error) {
    await tearDown();
    throw error;
  }
}

/** An answered approval, or one that expired, lets the run go on that waits for it. */
function takeUpAnswers({ registry }: HostPlugins, runtime: AgentRuntime, logger: Logger): void {
  registry.watchApprovals(({ id, status, requestedBy }) => {
    if (status === 'pending' || status === 'used') return;
    runtime.takeUpAnswered(requestedBy).catch((error: unknown) => logger.error({ process: requestedBy, approval: id, problem: describeError(error) }, 'a run that waits for an approval could not go on; the next start tries again'));
  });
}

async function loadAndStart(context: {
  runtime: AgentRuntime;
  plugins: HostPlugins;
  workingDirectory: string;
  dataDirectory: string;
  places: Awaited<ReturnType<typeof collectManifests>>;
  logger: Logger;
  progress: (progress: HostProgress) => void;
  afterMs: () => number;
  isStopping: () => boolean;
}): Promise<void> {
  const { runtime, places, logger, progress, afterMs } = context;
  const names: string[] = [];
  const errors: { file: string; error: unknown }[] = [];
  const manifests = openManifestCache(context.dataDirectory);
  for (const { kind, path } of places) {
    if (kind === 'directory') {
      const result = await runtime.loadDirectory(path, { cache: manifests.cache });
      names.push(...result.loaded);
      errors.push(...result.errors);
      continue;
    }
    try {
      names.push((await runtime.loadManifest(path)).name);
    } catch (error) {
      errors.push({ file: path, error });
    }
  }
  for (const { file, error } of errors) logger.error({ file, problem: describeError(error) }, 'a manifest could not be loaded');
  progress({ step: 'loaded', names, errors, afterMs: afterMs() });
  if (context.isStopping()) return;
  preparePlugins(context);
  const report = await runtime.startAll();
  logger.info({ started: report.started.length, failed: report.failed.length, skipped: report.skipped.length, after_ms: Math.round(afterMs()) }, 'agents at work');
  progress({ step: 'started', ...report, afterMs: afterMs() });
  try {
    manifests.save();
  } catch (error) {
    logger.warn({ problem: describeError(error) }, 'what the manifests say could not be kept; the next start reads them anew');
  }
}

/** Begins to set up what the agents name. The agents do not wait for it: one whose plugin is not ready waits with its first run. */
function preparePlugins({ runtime, plugins, workingDirectory, logger }: { runtime: AgentRuntime; plugins: HostPlugins; workingDirectory: string; logger: Logger }): void {
  const agents = [...runtime.processes.values()].map(({ name, source, config }) => ({ config, user: { processName: name, baseDirectory: source === undefined ? workingDirectory : dirname(source) } }));
  plugins.prepare(agents).catch((error: unknown) => logger.error({ problem: describeError(error) }, 'the plugins could not be prepared'));
}

/** Waits for `work`, but not for ever: what has not ended by then goes on from the journal at the next start. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`running work did not end within ${timeoutMs} ms; it goes on at the next start`)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
