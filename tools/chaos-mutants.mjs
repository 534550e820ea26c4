/**
 * `npm run chaos -- --mutants`: hand-made bugs, each built into a host of its own, which the crash harness must catch. A harness that lets one live proves nothing.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWithBug } from './build-with-bug.mjs';

const effects = 'packages/journal/src/effects/effect-log.ts';
const engine = 'packages/agent-process/src/process/process-engine.ts';
const worker = 'packages/agent-process/src/mailbox/mailbox-worker.ts';

/** The bugs, in the order in which they are tried. */
export const mutants = [
  { name: 'a delivery that comes again is taken again', file: engine, replace: [['if (knowsEvent(mailbox, event.eventId)) {', 'if (event.eventId === name) {']] },
  { name: 'an event is acknowledged before it is recorded', file: engine, replace: [['await record.write([{ entryType: \'trigger_event\'', 'await Promise.resolve();\n      if (event.eventId.length % 2 === 0) return \'accepted\';\n      await record.write([{ entryType: \'trigger_event\'']] },
  { name: 'an unknown effect is repeated unasked', file: effects, replace: [["if (effect.onUnknown === 'retry') return this.#execute(effect, known, execute);", 'if (known.attempt > 0) return this.#execute(effect, known, execute);']] },
  { name: 'a recorded outcome is not served', file: effects, replace: [["return { result: resultOf(effect, known), from: 'journal' };", 'return this.#execute(effect, known, execute);']] },
  { name: 'every attempt has a key of its own', file: effects, replace: [['return await execute(attempt);', 'return await execute({ ...attempt, idempotencyKey: `${attempt.idempotencyKey}/${attempt.attempt}` });']] },
  { name: 'an interrupted run begins as a new one', file: worker, replace: [['const runId = pending.run_id ?? createId();', 'const runId = createId();']] },
  { name: 'an interrupted run is given up in silence', file: worker, replace: [["if (pending.state === 'running' && pending.run_id !== null && this.#ports.isParked(pending.run_id)) free -= 1;", "if (pending.state === 'running') free -= 0;"]] },
  { name: 'a result is recorded twice', file: worker, replace: [['await this.#ports.record([resultEntry(pending, runId, invocation, outcome, Math.round(clock.monotonic() - startedAt))]).durable;', 'for (let twice = 0; twice < 2; twice += 1) await this.#ports.record([resultEntry(pending, runId, invocation, outcome, 0)]).durable;']] },
  { name: 'what waits for a person counts as done', file: effects, replace: [["return this.#park(effect, 'it was begun, and its outcome was not recorded');", "return { result: { content: 'surely', is_error: false }, from: 'journal' };"]] },
  { name: 'cron begins anew with every start', file: 'packages/triggers/src/cron/cron-trigger.ts', replace: [['this.#cursor = this.#rememberedCursor() ?? this.#deps.memory.firstStartedAt() ?? this.#startedAt;', 'this.#cursor = this.#startedAt;']] },
  { name: 'files that came while nobody watched are old', file: 'packages/triggers/src/file-watch/file-watch-trigger.ts', replace: [['this.#since = this.#scanFrom();', 'this.#since = Number.POSITIVE_INFINITY;']] },
  { name: 'an outcome is lost when the process ends', file: effects, replace: [['await this.#log.record([outcomeEntry(effect, { result }, more)]).durable;\n    return', 'void more;\n    return']] },
];

export const mutantNames = mutants.map(({ name }) => name);

/** Builds the CLI with one bug. @returns the command that runs it, and what removes it again */
export async function buildMutant(name) {
  const { directory, remove } = await buildWithBug('packages/cli/src/main.ts', mutants.find((mutant) => mutant.name === name));
  const bin = join(directory, 'bin.mjs');
  writeFileSync(bin, "import { main } from './main.js';\nprocess.exitCode = await main(process.argv.slice(2));\n");
  return { command: [process.execPath, bin], remove };
}
