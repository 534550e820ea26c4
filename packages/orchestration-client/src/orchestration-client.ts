import { describeError, InvalidInputError, readDocument, toDocument } from '@cortex-runtime/core';
import type { z } from 'zod';

import {
  ApprovalList, ApprovalReply, ApprovalsRequest, ClearDeadLettersReply, ControlReply, DeadLetterList, DecisionRequest, ErrorReply, HealthReply, InjectReply, InjectRequest, JournalReply, JournalRequest, LogsReply, PluginList, RunActionReply, RunActionRequest, ProcessList,
  ProcessStatus, ReadyReply, RedeliverReply, RedeliverRequest, ResolveReply, ResolveRequest, RuntimeStatus, ShutdownReply, StartAllReport, StopAllReport,
  StreamUpdate, TriggerList, WaitingEffectList,
} from './contract/index.ts';
import type { CallOptions, ContractCall, Query } from './contract-call.ts';
import { OrchestrationError } from './errors.ts';
import { memoryCalls } from './memory-calls.ts';
import { meshCalls } from './mesh-calls.ts';
import { readBody, readText } from './read-body.ts';
import { sessionCalls } from './session-calls.ts';
import { readServerSentEvents } from './server-sent-events.ts';

/** Where the host is and how to speak to it. */
export interface OrchestrationClientOptions {
  /** `http://127.0.0.1:8000`, with or without `/api/v1`. */
  baseUrl: string;
  /** Bearer token; everything but `health` needs it. */
  token?: string;
  /** As the global `fetch`, which is the default. */
  fetch?: (input: string, init?: RequestInit) => Promise<Response>;
  /** Milliseconds a request may take; 30 s when left out. A stream has no limit. */
  timeoutMs?: number;
}

/** A typed client of the HTTP API of a Cortex host. Every method rejects with OrchestrationError. */
export type OrchestrationClient = ReturnType<typeof createOrchestrationClient>;

export function createOrchestrationClient(options: OrchestrationClientOptions) {
  const { token, timeoutMs = 30_000, fetch: send = (input, init) => fetch(input, init) } = options;
  const base = apiBase(options.baseUrl);
  const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };

  async function open(method: string, path: string, init: { body?: unknown; signal?: AbortSignal; accept?: string }): Promise<Response> {
    try {
      return await send(`${base}${path}`, {
        method,
        redirect: 'error',
        headers: { ...headers, ...(init.accept === undefined ? {} : { accept: init.accept }), ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      });
    } catch (error) {
      throw unanswered(error, path, init.signal);
    }
  }

  /** What a request without an answer rejects with; a caller's own abort is handed on as it is. */
  function unanswered(error: unknown, path: string, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true && !(signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError')) return error;
    return new OrchestrationError({ status: 0, code: 'HOST_UNREACHABLE', message: `no answer from ${base}${path}: ${describeError(error)}` }, { cause: error });
  }

  const call: ContractCall = async (schema, method, path, init = {}) => {
    const timeout = AbortSignal.timeout(timeoutMs + (init.waitMs ?? 0));
    const signal = init.signal === undefined ? timeout : AbortSignal.any([timeout, init.signal]);
    const response = await open(method, path + queryText(init.query), { body: init.body, signal });
    if (response.status === 204) return readReply(schema, {}, path);
    const text = await readText(response.body, signal).catch((error: unknown) => {
      throw unanswered(error, path, signal);
    });
    if (!response.ok) throw errorOf(response.status, text);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      throw new OrchestrationError({ status: response.status, code: 'CONTRACT_BROKEN', message: `${base}${path} answered ${response.status} with something that is not JSON; is it a Cortex host?` }, { cause: error });
    }
    return readReply(schema, body, path);
  };

  const at = (name: string, rest = '') => `/processes/${encodeURIComponent(name)}${rest}`;
  const control = (name: string, verb: string, call_?: CallOptions) => call(ControlReply, 'POST', at(name, `/${verb}`), call_);

  const decide = (id: string, verb: 'approve' | 'deny', decision: DecisionRequest, call_?: CallOptions) =>
    call(ApprovalReply, 'POST', `/approvals/${encodeURIComponent(id)}/${verb}`, { ...call_, body: toDocument(DecisionRequest, decision) });

  return {
    /** The base of every path: `http://127.0.0.1:8000/api/v1`. */
    baseUrl: base,
    health: (options_?: CallOptions): Promise<HealthReply> => call(HealthReply, 'GET', '/health', options_),
    ready: (options_?: CallOptions): Promise<ReadyReply> => call(ReadyReply, 'GET', '/ready', options_),
    runtimeStatus: (options_?: CallOptions): Promise<RuntimeStatus> => call(RuntimeStatus, 'GET', '/runtime/status', options_),
    startAll: (options_?: CallOptions): Promise<StartAllReport> => call(StartAllReport, 'POST', '/runtime/start-all', options_),
    stopAll: (options_?: CallOptions): Promise<StopAllReport> => call(StopAllReport, 'POST', '/runtime/stop-all', options_),
    /** The host drains its runs and ends. */
    shutdown: (options_?: CallOptions): Promise<ShutdownReply> => call(ShutdownReply, 'POST', '/runtime/shutdown', options_),
    /** The newest lines of the host's log; with `after`, what came since that cursor. */
    logs: (query: { limit?: number; after?: string; process?: string } = {}, options_?: CallOptions): Promise<LogsReply> => call(LogsReply, 'GET', '/logs', { ...options_, query }),
    listProcesses: async (options_?: CallOptions): Promise<ProcessList['processes']> => (await call(ProcessList, 'GET', '/processes', options_)).processes,
    getProcess: (name: string, options_?: CallOptions): Promise<ProcessStatus> => call(ProcessStatus, 'GET', at(name), options_),
    getMetrics: (name: string, options_?: CallOptions): Promise<ProcessStatus> => call(ProcessStatus, 'GET', at(name, '/metrics'), options_),
    startProcess: (name: string, options_?: CallOptions): Promise<ControlReply> => control(name, 'start', options_),
    stopProcess: (name: string, options_?: CallOptions): Promise<ControlReply> => control(name, 'stop', options_),
    restartProcess: (name: string, options_?: CallOptions): Promise<ControlReply> => control(name, 'restart', options_),
    suspendProcess: (name: string, options_?: CallOptions): Promise<ControlReply> => control(name, 'suspend', options_),
    resumeProcess: (name: string, options_?: CallOptions): Promise<ControlReply> => control(name, 'resume', options_),
    /** Wakes an agent; resolves only when the event is durable. */
    inject: (name: string, event: InjectRequest, options_?: CallOptions): Promise<InjectReply> =>
      call(InjectReply, 'POST', at(name, '/events'), { ...options_, body: toDocument(InjectRequest, event) }),
    listTriggers: async (name: string, options_?: CallOptions): Promise<TriggerList['triggers']> => (await call(TriggerList, 'GET', at(name, '/triggers'), options_)).triggers,
    getJournal: (name: string, query: JournalRequest = {}, options_?: CallOptions): Promise<JournalReply> =>
      call(JournalReply, 'GET', at(name, '/journal'), { ...options_, query: toDocument(JournalRequest, query) as Query }),
    listDeadLetters: async (name: string, options_?: CallOptions): Promise<DeadLetterList['deadLetters']> =>
      (await call(DeadLetterList, 'GET', at(name, '/dead-letters'), options_)).deadLetters,
    /** Gives dead letters back to the agent: all, or one. */
    redeliver: async (name: string, request: RedeliverRequest = {}, options_?: CallOptions): Promise<string[]> =>
      (await call(RedeliverReply, 'POST', at(name, '/dead-letters/redeliver'), { ...options_, body: toDocument(RedeliverRequest, request) })).redelivered,
    clearDeadLetters: async (name: string, options_?: CallOptions): Promise<number> => (await call(ClearDeadLettersReply, 'DELETE', at(name, '/dead-letters'), options_)).cleared,
    listWaitingEffects: async (name: string, options_?: CallOptions): Promise<WaitingEffectList['effects']> =>
      (await call(WaitingEffectList, 'GET', at(name, '/effects'), options_)).effects,
    resolveEffect: (name: string, effectId: string, request: ResolveRequest, options_?: CallOptions): Promise<ResolveReply> =>
      call(ResolveReply, 'POST', at(name, `/effects/${encodeURIComponent(effectId)}/resolve`), { ...options_, body: toDocument(ResolveRequest, request) }),
    ...memoryCalls(call),
    ...sessionCalls(call),
    ...meshCalls(call),
    /** Calls that a person has to approve, or had to; oldest first. */
    listApprovals: async (query: ApprovalsRequest = {}, options_?: CallOptions): Promise<ApprovalList['approvals']> =>
      (await call(ApprovalList, 'GET', '/approvals', { ...options_, query: toDocument(ApprovalsRequest, query) as Query })).approvals,
    getApproval: (id: string, options_?: CallOptions): Promise<ApprovalReply> => call(ApprovalReply, 'GET', `/approvals/${encodeURIComponent(id)}`, options_),
    /** Lets the call be made, once and with exactly the parameters of the request; the run that waits for it goes on. */
    approve: (id: string, decision: DecisionRequest = {}, options_?: CallOptions): Promise<ApprovalReply> => decide(id, 'approve', decision, options_),
    /** The call is not made; the agent is told so, with the reason. */
    deny: (id: string, decision: DecisionRequest = {}, options_?: CallOptions): Promise<ApprovalReply> => decide(id, 'deny', decision, options_),
    /** Carries out an action of a plugin, as an operator. */
    runAction: (plugin: string, action: string, request: RunActionRequest = {}, options_?: CallOptions): Promise<RunActionReply> =>
      call(RunActionReply, 'POST', `/plugins/${encodeURIComponent(plugin)}/actions/${encodeURIComponent(action)}`, { ...options_, body: toDocument(RunActionRequest, request) }),
    listPlugins: async (options_?: CallOptions): Promise<PluginList['plugins']> => (await call(PluginList, 'GET', '/plugins', options_)).plugins,
    /** What an agent says and does while it runs. Ends when the host closes it or `signal` is aborted. */
    async *stream(name: string, options_: CallOptions = {}): AsyncGenerator<StreamUpdate> {
      const path = at(name, '/stream');
      const response = await open('GET', path, { accept: 'text/event-stream', ...(options_.signal === undefined ? {} : { signal: options_.signal }) });
      if (!response.ok) throw errorOf(response.status, await response.text());
      if (response.body === null) return;
      for await (const event of readServerSentEvents(readBody(response.body, options_.signal))) {
        if (event.event === 'chunk') yield readReply(StreamUpdate, JSON.parse(event.data), path);
      }
    },
  };
}

function apiBase(baseUrl: string): string {
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch (error) {
    throw new InvalidInputError('baseUrl', `must be a URL such as http://127.0.0.1:8000, got ${JSON.stringify(baseUrl)}`, { cause: error });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new InvalidInputError('baseUrl', `must begin with http:// or https://, got ${JSON.stringify(baseUrl)}`);
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '');
  return `${url.origin}${path}/api/v1`;
}

function queryText(query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)] as [string, string]]));
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

function readReply<S extends z.ZodType>(schema: S, body: unknown, path: string): z.output<S> {
  const result = readDocument(schema, body);
  if (result.ok) return result.value;
  const [first] = result.issues;
  throw new OrchestrationError({ status: 200, code: 'CONTRACT_BROKEN', message: `${path} answered something this client does not know (${first?.path ?? ''}: ${first?.message ?? ''}); host and client are of different versions`, retryable: false });
}

function errorOf(status: number, text: string): OrchestrationError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined; // a proxy's page: the status says enough
  }
  const result = readDocument(ErrorReply, body);
  if (result.ok) return new OrchestrationError({ status, code: result.value.error.code, message: result.value.error.message });
  return new OrchestrationError({ status, code: `HTTP_${status}`, message: `the host answered ${status} without saying why` });
}
