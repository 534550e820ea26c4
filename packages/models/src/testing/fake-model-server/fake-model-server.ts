import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject } from '@cortex-runtime/core';

import { anthropicMessages } from './anthropic-messages.ts';
import { chatCompletions } from './chat-completions.ts';
import { geminiEmbeddings, openAiEmbeddings, wordsOf, wordVector, type EmbeddingProtocol, type FakeEmbeddingCall, type FakeEmbeddingReply } from './fake-embedding-call.ts';
import type { CompleteReply, FakeModelCall, FakeModelFault, FakeModelReply, WireProtocol } from './fake-model-call.ts';
import { gemini } from './gemini.ts';
import { openAiResponses } from './openai-responses.ts';

const protocols: readonly WireProtocol[] = [openAiResponses, chatCompletions, anthropicMessages, gemini];
const embeddingProtocols: readonly EmbeddingProtocol[] = [openAiEmbeddings, geminiEmbeddings];

export interface FakeModelServerOptions {
  /** What to answer; "ok" when left out. */
  respond?: (call: FakeModelCall) => FakeModelReply | Promise<FakeModelReply>;
  /** What to answer to a request for embeddings; the words of the texts as vectors when left out. */
  embed?: (call: FakeEmbeddingCall) => FakeEmbeddingReply | Promise<FakeEmbeddingReply>;
  /** Awaited before anything is answered: the place to count durably. */
  onCall?: (call: FakeModelCall) => void | Promise<void>;
  /** Called when a whole answer has left the process; not for one with a fault. */
  onAnswered?: (call: FakeModelCall) => void;
  /** Takes a request that is no model call; false leaves it to the server (404). */
  handle?: (request: IncomingMessage, response: ServerResponse, body: string) => boolean | Promise<boolean>;
  /** A free one when left out. */
  port?: number;
}

export interface FakeModelServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Base URL for OpenAI's protocols and Anthropic's: the url with `/v1`. */
  readonly baseUrl: string;
  /** Base URL for Gemini's: the url with `/v1beta`. */
  readonly geminiBaseUrl: string;
  readonly calls: readonly FakeModelCall[];
  readonly embeddingCalls: readonly FakeEmbeddingCall[];
  /** From now on. */
  respondWith(respond: (call: FakeModelCall) => FakeModelReply | Promise<FakeModelReply>): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A real HTTP server on loopback that speaks the providers' protocols, streaming and for embeddings, and answers what it is told. */
export async function startFakeModelServer(options: FakeModelServerOptions = {}): Promise<FakeModelServer> {
  const calls: FakeModelCall[] = [];
  const embeddingCalls: FakeEmbeddingCall[] = [];
  let respond = options.respond ?? (() => ({ text: 'ok' }));
  const closing = new AbortController();

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: String(error) } }));
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString('utf8');
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
    const embedding = request.method === 'POST' ? embeddingProtocols.find((each) => each.matches(path)) : undefined;
    if (embedding !== undefined) {
      const body = JSON.parse(text) as JsonObject;
      const call: FakeEmbeddingCall = { number: embeddingCalls.length + 1, protocol: embedding.name, path, ...embedding.read(body, path), headers, body };
      embeddingCalls.push(call);
      await answerEmbeddings(embedding, call, (await options.embed?.(call)) ?? {}, response);
      return;
    }
    const protocol = request.method === 'POST' ? protocols.find((each) => each.matches(path)) : undefined;
    if (protocol === undefined) {
      if ((await options.handle?.(request, response, text)) === true) return;
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: `nothing at ${path}` } }));
      return;
    }
    const body = JSON.parse(text) as JsonObject;
    const call: FakeModelCall = { number: calls.length + 1, protocol: protocol.name, path, ...protocol.read(body, path), idempotencyKey: headers['idempotency-key'], headers, body };
    calls.push(call);
    await options.onCall?.(call);
    await answer(protocol, call, await respond(call), response);
  }

  async function answer(protocol: WireProtocol, call: FakeModelCall, reply: FakeModelReply, response: ServerResponse): Promise<void> {
    const { fault } = reply;
    if (await failsBefore(reply, response, (status, message) => protocol.errorBody(status, message))) return;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const events = protocol.events(completed(reply, call), call.model, call.number);
    const lines = [
      ...events.map(({ event, data }) => `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`),
      ...(protocol.terminator === undefined ? [] : [`data: ${protocol.terminator}\n\n`]),
    ];
    const half = fault === undefined ? lines.length : Math.max(1, Math.floor(events.length / 2));
    for (const line of lines.slice(0, half)) await written(response, line);
    switch (fault?.kind) {
      case 'cut':
        response.destroy();
        return;
      case 'stall':
        await untilClosed();
        return;
      case 'bad_json':
        await written(response, 'data: {"this is not json\n\n');
        break;
      default:
        break;
    }
    await new Promise<void>((resolve) => response.end(resolve));
    if (fault === undefined) options.onAnswered?.(call);
  }

  async function answerEmbeddings(protocol: EmbeddingProtocol, call: FakeEmbeddingCall, reply: FakeEmbeddingReply, response: ServerResponse): Promise<void> {
    if (await failsBefore(reply, response, (status, message) => ({ error: { message, type: status === 429 ? 'rate_limit_error' : 'error', code: null, param: null } }))) return;
    const tokens = reply.inputTokens === undefined ? call.texts.reduce((sum, text) => sum + wordsOf(text).length, 0) : reply.inputTokens;
    const body = JSON.stringify(protocol.answer(reply.vectors ?? call.texts.map(wordVector), call.model, tokens));
    response.writeHead(200, { 'content-type': 'application/json' });
    if (reply.fault === undefined) {
      response.end(body);
      return;
    }
    await written(response, body.slice(0, body.length / 2));
    if (reply.fault.kind === 'stall') await untilClosed();
    else if (reply.fault.kind === 'cut') response.destroy();
    else response.end();
  }

  /** The faults that come instead of an answer. */
  async function failsBefore({ delayMs, fault }: { delayMs?: number; fault?: FakeModelFault }, response: ServerResponse, errorBody: (status: number, message: string) => unknown): Promise<boolean> {
    if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (fault?.kind === 'refuse') {
      response.destroy();
      return true;
    }
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end(JSON.stringify(errorBody(fault.status, fault.message ?? `fake error ${fault.status}`)));
      return true;
    }
    if (fault?.kind === 'stall' && fault.before === true) await untilClosed();
    return false;
  }

  function untilClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (closing.signal.aborted) resolve();
      closing.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    closing.abort();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    url,
    baseUrl: `${url}/v1`,
    geminiBaseUrl: `${url}/v1beta`,
    calls,
    embeddingCalls,
    respondWith(next) {
      respond = next;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function completed(reply: FakeModelReply, call: FakeModelCall): CompleteReply {
  const toolCalls = (reply.toolCalls ?? []).map((each, index) => ({
    id: each.id ?? `call_${call.number}_${index}`,
    name: each.name,
    arguments: typeof each.arguments === 'string' ? each.arguments : JSON.stringify(each.arguments),
  }));
  return {
    text: reply.text ?? '',
    toolCalls,
    finish: reply.finish ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: { inputTokens: 100, outputTokens: 20, cachedInputTokens: 0, ...reply.usage },
  };
}

/** Returns when the line has left the process, so that a cut right after it does not take it along. */
function written(response: ServerResponse, line: string): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) resolve();
    else response.write(line, () => resolve());
  });
}
