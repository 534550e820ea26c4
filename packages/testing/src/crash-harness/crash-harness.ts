import { spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { CortexError, describeError, idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { seededRandom } from '@cortex-runtime/core/testing';
import { FileJournal, soleOwnerLock, type JournalEntry } from '@cortex-runtime/journal';
import { startFakeModelServer } from '@cortex-runtime/models/testing/fake-model-server';
import { z } from 'zod';

import { programArguments } from '../program-arguments.ts';
import { crashAgents, crashAnswer, unrepeatableTool, writeCrashAgents } from './crash-agents.ts';
import { dropFile, webhookSender } from './event-sources.ts';
import { startHostChild, type HostChild } from './host-child.ts';
import { judgeCrashRun, type CrashEvidence, type CrashFigures, type CrashFinding, type ReceivedModelCall } from './judge-crash-run.ts';
import { crashOperator, readExecutions } from './operator.ts';

/** How hard the host is treated. */
export const CrashHarnessOptions = z.strictObject({
  /** Program and arguments that run the CLI: `[process.execPath, 'bin/cortex.mjs']`. */
  command: z.array(z.string()).min(1),
  /** JavaScript module with `runCountingMcpServer`: what `import.meta.resolve('@cortex-runtime/testing/counting-mcp-server')` names. */
  counterModule: z.string(),
  kills: z.int().min(1).default(25),
  /** Webhooks and files; the clock brings its own events, one a second. */
  events: z.int().min(1).default(80),
  /** Draws the instants of the kills and of the events. */
  seed: z.int().default(1),
  /** Milliseconds that a host lives at most after its agents are at work. */
  maxLifeMs: z.number().positive().default(1_200),
  /** Milliseconds until everything has to be closed after the last kill. */
  drainMs: z.number().positive().default(120_000),
  /** Keeps the working directory, to look at it. */
  keep: z.boolean().default(false),
});
export type CrashHarnessOptions = z.input<typeof CrashHarnessOptions>;
type Settings = z.output<typeof CrashHarnessOptions>;

export interface CrashReport {
  seed: number;
  kills: number;
  /** Kills before the agents were at work. */
  killsWhileStarting: number;
  /** Kills while a server had executed a call that must not be repeated and its answer was still to come: each leaves an unknown outcome. */
  killsInCall: number;
  /** Distinct webhook deliveries that a client was told are taken. */
  acknowledged: number;
  /** Deliveries that came again and were told so. */
  duplicates: number;
  files: number;
  figures: CrashFigures;
  /** Exit code of `cortex verify`. */
  verifyExitCode: number | null;
  /** Milliseconds from the start of a process after a kill until its agents were at work. */
  readyMs: { median: number; p95: number; max: number };
  durationMs: number;
  findings: CrashFinding[];
  evidence: CrashEvidence;
  /** Where the journal is, when it was kept. */
  directory: string | undefined;
}

/** The host did not come up again, or did not finish. The data of the run is kept. */
export class CrashRunError extends CortexError {
  override readonly code = 'CRASH_RUN_FAILED';
  override readonly retryable = false;
  readonly directory: string;

  constructor(seed: number, directory: string, cause: unknown) {
    super(`the crash run with seed ${seed} broke off: ${describeError(cause)}; its data is in ${directory}`, { cause });
    this.directory = directory;
  }
}

const secret = 'a-secret-of-the-crash-harness';
const token = 'a-token-of-the-crash-harness';
const readyWithinMs = 60_000;
/** Every how many kills one waits for a call that must not be repeated, and hits before its answer: on a slow machine chance alone may never do it. */
const aimedEvery = 8;
/** Milliseconds that an answer then takes, so that the kill comes first on any machine. */
const heldAnswerMs = 3_000;
const callWithinMs = 15_000;

/**
 * Lets a real host work, kills it at random instants again and again, lets it finish, and judges what the journals, the clients and the servers say.
 *
 * The seed draws when events come and when the host is killed; what the operating system makes of that differs from run to run.
 *
 * @param onProgress - told of every kill
 * @throws CrashRunError when the host does not come up again, or does not finish within `drainMs`; what was broken otherwise is in `findings`
 */
export async function crashHarness(options: CrashHarnessOptions, onProgress: (line: string) => void = () => {}): Promise<CrashReport> {
  const settings = CrashHarnessOptions.parse(options);
  const directory = await mkdtemp(join(tmpdir(), 'cortex-crash-'));
  const undo: (() => Promise<unknown> | void)[] = [];
  let isKept = settings.keep;
  try {
    return await run(settings, directory, undo, onProgress);
  } catch (error) {
    isKept = true;
    throw new CrashRunError(settings.seed, directory, error);
  } finally {
    for (const step of undo.reverse()) await step();
    if (!isKept) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function run(settings: Settings, directory: string, undo: (() => Promise<unknown> | void)[], onProgress: (line: string) => void): Promise<CrashReport> {
  const beganAt = performance.now();
  const random = seededRandom(settings.seed);
  const ledgers = [join(directory, 'http-calls.jsonl'), join(directory, 'stdio-calls.jsonl')] as const;
  const modelCalls: ReceivedModelCall[] = [];
  const model = await startFakeModelServer({
    respond: crashAnswer,
    onCall: ({ idempotencyKey }) => void modelCalls.push({ idempotencyKey, receivedAt: Date.now() }),
  });
  undo.push(() => model.close());
  const control = join(directory, 'answers.json');
  const counter = await startCounter(settings.counterModule, { ledger: ledgers[0], control });
  undo.push(counter.kill);
  const agents = {
    directory,
    modelBaseUrl: model.baseUrl,
    counterUrl: counter.url,
    counterArguments: programArguments(settings.counterModule, 'runCountingMcpServer', { ledger: ledgers[1], delayBeforeMs: 40, delayMs: 60 }),
  };
  writeCrashAgents(agents);

  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const environment = { PATH: process.env['PATH'] ?? '', HOME: directory, CORTEX_PORT: String(port), CORTEX_TOKEN: token, CORTEX_HIBERNATE_AFTER: '1', CRASH_SECRET: secret, NO_COLOR: '1' };
  const giveUp = new AbortController();
  setMaxListeners(0, giveUp.signal); // `fetch` takes a listener back only when the garbage collector comes by, and a slow host is asked often
  undo.push(() => giveUp.abort(new Error('the crash run is over')));
  const sender = webhookSender({ url: baseUrl, secret, signal: giveUp.signal });
  const operator = crashOperator({ baseUrl, token, ledgers, random: seededRandom(settings.seed + 1) });
  const person = repeat(() => operator.settle(), 100);
  undo.push(person.stop);

  let host: HostChild | undefined;
  undo.push(() => host?.kill());
  const start = () => (host = startHostChild({ command: settings.command, workingDirectory: directory, environment }));

  const deliveries: Promise<void>[] = [];
  const files: string[] = [];
  let sent = 0;
  const sendOne = () => {
    sent += 1;
    if (sent % 4 === 0) files.push(dropFile(directory, sent));
    else {
      const delivery = `delivery-${sent}`;
      deliveries.push(sender.deliver(delivery).then(() => (sent % 7 === 0 ? sender.deliverAgain(delivery) : undefined)));
      deliveries.at(-1)?.catch(() => {}); // waited for at the end
    }
  };

  const readyTimes: number[] = [];
  let killsWhileStarting = 0;
  let killsInCall = 0;
  for (let kill = 1; kill <= settings.kills; kill += 1) {
    const child = start();
    // What is in the folder before an agent was ever there is not news to it.
    if (kill === 1) await within(readyWithinMs, child.ready, () => `the host was not at work in time: ${child.said()}`);
    const due = Math.round((settings.events * kill) / settings.kills) - sent;
    const timers = Array.from({ length: due }, () => setTimeout(sendOne, random.next() * 1_500));
    const isAimed = kill % aimedEvery === 0;
    const isEarly = kill > 1 && random.next() < 0.2 && !isAimed;
    const lifeMs = random.next() * (isEarly ? 700 : settings.maxLifeMs);
    const readyMs = isEarly ? await Promise.race([child.ready, delay(lifeMs)]) : await within(readyWithinMs, child.ready, () => `the host was not at work in time: ${child.said()}`);
    if (isEarly && readyMs === undefined) killsWhileStarting += 1;
    if (readyMs !== undefined) {
      if (kill > 1) readyTimes.push(readyMs);
      if (isAimed) killsInCall += (await callIsOut(ledgers[0], control)) ? 1 : 0;
      else await delay(lifeMs);
    } else if (!isEarly) throw new Error(`the host ended by itself: ${child.said()}`);
    await child.kill();
    await rm(control, { force: true });
    for (const timer of timers) clearTimeout(timer);
    // What was still to come in this life comes while nobody is there.
    while (sent < Math.round((settings.events * kill) / settings.kills)) sendOne();
    onProgress(`kill ${kill} of ${settings.kills}, ${readyMs === undefined ? 'while starting' : isAimed ? 'in a call' : `${Math.round(lifeMs)} ms after it was at work`}; ${sent} events sent, ${sender.acknowledged.length} acknowledged`);
  }

  // The clock stops here, so that there is an end to wait for: a new deployment without its trigger.
  writeCrashAgents(agents, { cronListens: false });
  const last = start();
  const readyMs = await within(readyWithinMs, last.ready, () => `the last host was not at work in time: ${last.said()}`);
  if (readyMs !== undefined) readyTimes.push(readyMs);
  await within(settings.drainMs, Promise.all(deliveries), () => 'not every webhook was acknowledged');
  let seen = '';
  let calm = 0;
  const deadline = performance.now() + settings.drainMs;
  while (calm < 5) {
    if (performance.now() > deadline) throw new Error(`not everything was closed in time: ${seen}`);
    await delay(100);
    const status = await operator.status();
    seen = JSON.stringify(status);
    const isCalm = status !== undefined && Object.values(status.processes).every((process) => process.queue_size === 0 && process.waiting_effects === 0 && process.running_runs === 0);
    calm = isCalm ? calm + 1 : 0;
  }
  await person.stop();
  await last.stop();

  const verifyExitCode = await verify(settings.command, directory, environment);
  const evidence: CrashEvidence = {
    entries: await readJournals(join(directory, '.cortex')),
    acknowledged: sender.acknowledged,
    droppedFiles: { processId: crashAgents.file, paths: files },
    everyOccurrence: { processId: crashAgents.cron, intervalMs: 1_000 },
    executions: readExecutions(ledgers),
    modelCalls,
    unrepeatableTools: [unrepeatableTool],
  };
  const { findings, figures } = judgeCrashRun(evidence);
  if (verifyExitCode !== 0) findings.push({ rule: 'verify-failed', message: `cortex verify ended with ${String(verifyExitCode)}` });
  if (sender.secondTakes > 0) findings.push({ rule: 'delivery-taken-twice', message: `${sender.secondTakes} acknowledged deliveries were taken as new when they came again` });
  return {
    seed: settings.seed,
    kills: settings.kills,
    killsWhileStarting,
    killsInCall,
    acknowledged: new Set(sender.acknowledged.map(({ eventId }) => eventId)).size,
    duplicates: sender.duplicates,
    files: files.length,
    figures,
    verifyExitCode,
    readyMs: { median: quantile(readyTimes, 0.5), p95: quantile(readyTimes, 0.95), max: quantile(readyTimes, 1) },
    durationMs: performance.now() - beganAt,
    findings,
    evidence,
    directory: settings.keep ? directory : undefined,
  };
}

/** The counting server over HTTP, in a process that no kill hits. */
async function startCounter(module: string, files: { ledger: string; control: string }): Promise<{ url: string; kill: () => void }> {
  const child = spawn(process.execPath, programArguments(module, 'runCountingMcpServer', { ...files, transport: 'http', delayMs: 60 }), { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => void child.kill('SIGKILL');
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', () => reject(new Error('the counting server ended before it listened')));
  });
  return { url: (JSON.parse(line) as { url: string }).url, kill };
}

/** Holds answers back and waits until a call that must not be repeated was executed. @returns false when none came in time */
async function callIsOut(ledger: string, control: string): Promise<boolean> {
  await writeFile(control, JSON.stringify({ delay_ms: heldAnswerMs }));
  const heldSince = Date.now();
  const deadline = performance.now() + callWithinMs;
  while (performance.now() < deadline) {
    if (readExecutions([ledger]).some(({ tool, executedAt }) => tool === unrepeatableTool && executedAt > heldSince)) return true;
    await delay(10);
  }
  return false;
}

async function readJournals(directory: string): Promise<JournalEntry[]> {
  const clock = systemClock;
  const journal = await FileJournal.open({ disk: nodeDisk, clock, createId: idGenerator({ clock, random: systemRandom }), lock: soleOwnerLock() }, { directory });
  try {
    const entries: JournalEntry[] = [];
    for (const { processId } of await journal.heads()) for await (const entry of journal.scan(processId)) entries.push(entry);
    return entries;
  } finally {
    await journal.close();
  }
}

async function verify(command: readonly string[], directory: string, environment: Record<string, string>): Promise<number | null> {
  const [program = process.execPath, ...rest] = command;
  const child = spawn(program, [...rest, 'verify', '--json'], { cwd: directory, env: environment, stdio: 'ignore' });
  return new Promise((resolve) => child.once('exit', resolve));
}

/** A port that is free now and that every life of the host can have. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}

async function within<T>(ms: number, work: Promise<T>, problem: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(problem())), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Does `work` again and again, with a pause between, until it is stopped. */
function repeat(work: () => Promise<void>, pauseMs: number): { stop(): Promise<void> } {
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) {
      await work();
      await delay(pauseMs);
    }
  })();
  return {
    stop() {
      isStopped = true;
      return done;
    },
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
