/**
 * `npm run chaos -- --mesh --mutants`: hand-made bugs, each built into the processes of a mesh of its own, which the mesh chaos harness must catch. A harness that lets one live proves nothing.
 */
import { join } from 'node:path';
import { buildWithBug } from './build-with-bug.mjs';

const scripts = 'packages/bus/src/redis/scripts';
const settlements = 'packages/bus/src/redis/redis-settlements.ts';
const together = 'return this.#deps.settings.cluster === undefined ? this.#completions.add(delivery, followUp) : this.#completeInTurn(delivery, followUp);';

/** The bugs, in the order in which they are tried; `isForgetful`: to be tried on a server that loses writes; `kinds`: with the faults that bring it out. */
export const meshMutants = [
  { name: 'a task is acknowledged before its outcome is written', file: settlements, replace: [[together, `return this.#ack(delivery).then(async (isOurs) => {
      if (isOurs) await this.#deps.publisher.publish(followUp.stream, followUp.payload, followUp);
      return isOurs;
    });`]] },
  { name: 'an outcome is written before its task is acknowledged', file: settlements, replace: [[together, 'return this.#deps.publisher.publish(followUp.stream, followUp.payload, followUp).then(() => this.#ack(delivery));']] },
  { name: 'who has lost a task records its outcome all the same', kinds: ['pause-worker'], file: `${scripts}/complete.lua.ts`, replace: [['if held[id] ~= count then', 'if false then']] },
  { name: 'streams are trimmed by their length', file: `${scripts}/room.lua.ts`, replace: [["redis.call('XTRIM', stream, 'MINID', '~', floor, 'LIMIT', length - maxLength)", "redis.call('XTRIM', stream, 'MAXLEN', maxLength)"]] },
  { name: 'a group begins at the end of its stream', file: 'packages/bus/src/redis/redis-consumer.ts', replace: [["start: '0' | '$' = '0'", "start: '0' | '$' = '$'"]] },
  { name: 'a deduplication id is not heeded', file: 'packages/bus/src/redis/redis-publisher.ts', replace: [["if (dedupId === '') args.push(msgType, payload, '', '');", "if (dedupId !== ' ') args.push(msgType, payload, '', '');"]] },
  { name: 'a failure is not counted', file: `${scripts}/settle.lua.ts`, replace: [['park(count)\n', 'park(math.max(count - 1, 0))\n']] },
  { name: 'a task is given up, and nobody is told', file: `${scripts}/settle.lua.ts`, replace: [['if ARGV[16] then', 'if false then']] },
  { name: 'what kills its processes is tried once more', file: `${scripts}/claim.lua.ts`, replace: [['count >= allowed and 1 or 0', 'count > allowed and 1 or 0']] },
  { name: 'a take-over is not counted', file: `${scripts}/claim.lua.ts`, replace: [['{ entry[1], count + 1, entry[2]', '{ entry[1], count, entry[2]']] },
  { name: 'what came in a lost reply is not looked for', file: 'packages/bus/src/redis/redis-consumer.ts', replace: [['for (const stream of streams) {\n      const key = `${group} ${stream}`;', 'for (const stream of streams.slice(streams.length)) {\n      const key = `${group} ${stream}`;']] },
  { name: 'who stops acknowledges what is not done', kinds: ['deploy-worker'], file: 'packages/bus/src/held-delivery.ts', replace: [['await this.#holder.settlements.release(this, 0)', 'await this.#holder.settlements.ack(this, undefined)']] },
  { name: 'what was taken back is given out', file: `${scripts}/revoke.lua.ts`, replace: [["redis.call('XDEL', KEYS[1], id)\n", '\n']] },
  { name: 'a repeated revocation does not know itself', kinds: ['cut-replies'], file: `${scripts}/revoke.lua.ts`, replace: [['if done then return tonumber(done) end', '']] },
  { name: 'a task that is there is handed in again', file: `${scripts}/restore.lua.ts`, replace: [["if redis.call('XRANGE', KEYS[1], id, id)[1] then", 'if false then']] },
  { name: 'an outbox forgets a task when the bus has it', isForgetful: true, kinds: ['lose-writes', 'kill-submitter'], file: 'packages/dispatch/src/client/task-client.ts', replace: [['outbox?.accepted(taskId, msgId);\n    return { taskId, stream', 'outbox?.closed(taskId);\n    return { taskId, stream']] },
  { name: 'a result is acknowledged before it is handled', kinds: ['kill-submitter'], file: 'packages/dispatch/src/client/result-reader.ts', replace: [
    ["await this.#handler(result, { msgId: delivery.msgId });\n      outbox?.closed(result.taskId);\n      await delivery.ack();", "await delivery.ack();\n      await this.#handler(result, { msgId: delivery.msgId });\n      outbox?.closed(result.taskId);"],
  ] },
];

/** Builds the processes of the mesh with one bug. @returns the module that they are started from, and what removes it again */
export async function buildMeshMutant(name) {
  const { directory, remove } = await buildWithBug('packages/testing/src/mesh-chaos/index.ts', meshMutants.find((mutant) => mutant.name === name));
  return { programModule: join(directory, 'index.js'), remove };
}
