import { createHash } from 'node:crypto';

import type { JsonObject } from '@cortex-runtime/core';
import { silentLogger } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { createModelProvider } from '@cortex-runtime/models';
import { startFakeModelServer, type FakeModelCall, type FakeModelFault, type FakeModelReply, type FakeModelServer } from '@cortex-runtime/models/testing/fake-model-server';
import { z } from 'zod';

import { openCallLedger } from './call-ledger.ts';

export { startFakeModelServer, type FakeModelCall, type FakeModelFault, type FakeModelReply, type FakeModelServer } from '@cortex-runtime/models/testing/fake-model-server';
export { readCallLedger, type LedgerRecord } from './call-ledger.ts';
export { programArguments } from './program-arguments.ts';

/** A fake model server as a program of its own. */
export const FakeModelProgramOptions = z.strictObject({
  /** Answers by the rules of a model script (see the `scripted:` model); "ok" when left out. */
  script: z.string().optional(),
  /** File that counts calls: a `received` line before an answer begins, an `answered` line when all of it has left. */
  ledger: z.string().optional(),
  port: z.int().min(0).default(0),
  /** Milliseconds before every answer. */
  delayMs: z.number().min(0).default(0),
});
export type FakeModelProgramOptions = z.input<typeof FakeModelProgramOptions>;

/** What `POST /control` takes: the next `count` answers get the fault, and all from now on the delay. */
const Control = z.strictObject({
  fault: z.custom<FakeModelFault>((value) => typeof value === 'object' && value !== null && 'kind' in value).optional(),
  count: z.int().min(0).default(1),
  delayMs: z.number().min(0).optional(),
});

/**
 * Runs until the process ends, for tests that kill other processes: the counts in the ledger survive everything.
 *
 * Prints `{"url":"http://127.0.0.1:PORT"}` when it listens. `POST /control` takes `{ fault, count, delayMs }`; `GET /control` answers `{ calls }`.
 */
export async function runFakeModelServer(options: FakeModelProgramOptions): Promise<FakeModelServer> {
  const settings = FakeModelProgramOptions.parse(options);
  const ledger = settings.ledger === undefined ? undefined : openCallLedger(settings.ledger);
  const reply = settings.script === undefined ? () => Promise.resolve<FakeModelReply>({ text: 'ok' }) : await scriptedReplies(settings.script);
  let fault: { fault: FakeModelFault; left: number } | undefined;
  let { delayMs } = settings;

  const server = await startFakeModelServer({
    port: settings.port,
    onCall: (call) => ledger?.append({ at: 'received', ...identity(call) }),
    onAnswered: (call) => ledger?.append({ at: 'answered', ...identity(call) }),
    async respond(call) {
      const answer: FakeModelReply = { ...(await reply(call)), delayMs };
      if (fault === undefined || fault.left === 0) return answer;
      fault.left -= 1;
      return { ...answer, fault: fault.fault };
    },
    handle(request, response, body) {
      if (request.url !== '/control') return false;
      if (request.method === 'POST') {
        const parsed = Control.safeParse(JSON.parse(body));
        if (!parsed.success) {
          response.writeHead(400).end(z.prettifyError(parsed.error));
          return true;
        }
        if (parsed.data.fault !== undefined) fault = { fault: parsed.data.fault, left: parsed.data.count };
        delayMs = parsed.data.delayMs ?? delayMs;
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ calls: server.calls.length }));
      return true;
    },
  });
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
  return server;
}

/** What tells calls apart: the key of the effect, and a digest of the conversation, so that the same question asked twice is seen. */
function identity(call: FakeModelCall): JsonObject {
  return {
    number: call.number,
    protocol: call.protocol,
    model: call.model,
    idempotency_key: call.idempotencyKey ?? null,
    conversation: createHash('sha256').update(JSON.stringify(call.messages)).digest('hex').slice(0, 16),
  };
}

/** Replies of a scripted model to the requests of a fake server. */
async function scriptedReplies(script: string): Promise<(call: FakeModelCall) => Promise<FakeModelReply>> {
  const model = await createModelProvider(`scripted:${script}`, {
    net: nodeNet, clock: systemClock, random: systemRandom, logger: silentLogger, disk: nodeDisk, environment: {}, baseDirectory: process.cwd(),
  });
  return async ({ messages, number }) => {
    let text = '';
    const toolCalls: { id: string; name: string; arguments: JsonObject }[] = [];
    for await (const chunk of model.stream({ messages, tools: [] })) {
      if (chunk.type === 'text') text += chunk.text;
      if (chunk.type === 'tool_call') toolCalls.push({ id: `call_${number}_${toolCalls.length}`, name: chunk.toolCall.name, arguments: chunk.toolCall.arguments });
    }
    return { text, toolCalls };
  };
}
