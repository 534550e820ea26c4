import { idGenerator, parseDocument, silentLogger, type Clock } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { InMemoryMemoryStore } from '@cortex-runtime/memory';
import { createModelProvider, type ModelChunk, type ModelProvider, type ModelRequest } from '@cortex-runtime/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SessionConfig } from './config/index.ts';
import { SessionStoreError } from './errors.ts';
import { InMemorySessionStore } from './in-memory-session-store.ts';
import { SessionManager, type SessionManagerDeps } from './session-manager.ts';
import type { SessionStore } from './session-store.ts';
import { SessionState } from './session.ts';
import { modelSummarizer } from './summary/model-summarizer.ts';

function open(config: SessionConfig = {}, given: Partial<SessionManagerDeps> = {}) {
  let now = 1_700_000_000_000;
  const clock: Clock = { ...systemClock, now: () => now };
  const deps = { store: new InMemorySessionStore() as SessionStore, clock, random: systemRandom, createId: idGenerator({ clock: systemClock, random: systemRandom }), ...given };
  return { manager: new SessionManager(deps, config), deps, pass: (ms: number) => (now += ms) };
}

const where = { channel: 'slack', domain: 'eng', threadId: 't-1' };
const says = (text: string, senderId = 'u1', messageId?: string) => ({ senderId, text, sender: senderId.toUpperCase(), ...(messageId === undefined ? {} : { messageId }) });

describe('SessionManager', () => {
  it('has the defaults and the document names of the seed', () => {
    expect(SessionConfig.parse({})).toMatchObject({ memoryBasePath: '~/.cortex/memory', hotWindowSize: 20, warmSummaryThreshold: 50, syntheticThreadTtlMs: 3_600_000 });
    const document = { memory_base_path: '/m', hot_window_size: 5, warm_summary_threshold: 9, synthetic_thread_ttl_seconds: 60, key_prefix: 'cortex:acme:session' };
    expect(parseDocument(SessionConfig, document)).toMatchObject({ memoryBasePath: '/m', hotWindowSize: 5, warmSummaryThreshold: 9, syntheticThreadTtlMs: 60_000, keyPrefix: 'cortex:acme:session' });
    expect(() => open({ hotWindowSize: 50, warmSummaryThreshold: 50 })).toThrow(/must be above hotWindowSize/);
  });

  // Weakness 29
  it('gives everyone who asks at once the same session, with and without a thread', async () => {
    const { manager } = open();
    for (const request of [where, { channel: 'mail', domain: 'eng', senderId: 'u1' }]) {
      const sessions = await Promise.all(Array.from({ length: 10 }, () => manager.getOrCreate(request)));
      expect(new Set(sessions.map(({ sessionId }) => sessionId)).size).toBe(1);
    }
  });

  // Weakness 30
  it('keeps the same thread in two channels apart, and knows all who took part', async () => {
    const { manager } = open();
    const slack = await manager.getOrCreate(where);
    const mail = await manager.getOrCreate({ ...where, channel: 'mail' });
    expect(mail.sessionId).not.toBe(slack.sessionId);
    await manager.recordMessage(slack.sessionId, says('hi', 'u1'));
    await manager.recordMessage(slack.sessionId, says('hello', 'u2'));
    await manager.recordResponse(slack.sessionId, says('welcome', 'forge'));
    await manager.recordMessage(slack.sessionId, says('again', 'u1'));
    expect((await manager.get(slack.sessionId)).participants).toEqual(['u1', 'u2', 'forge']);
    expect(await manager.transcript(mail.sessionId)).toEqual([]);
  });

  // Weakness 29 (E31)
  it('loses no turn of those who record at once, through one manager or several', async () => {
    const { manager, deps } = open();
    const { sessionId } = await manager.getOrCreate(where);
    const managers = [manager, new SessionManager(deps), new SessionManager(deps)];
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const one = managers[index % 3] as SessionManager;
        await (index % 2 === 0 ? one.recordMessage(sessionId, says(`m${index}`)) : one.recordResponse(sessionId, says(`m${index}`, 'bot')));
      }),
    );
    const transcript = await manager.transcript(sessionId);
    expect(transcript.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(transcript.map(({ text }) => text).toSorted()).toEqual(Array.from({ length: 30 }, (_, index) => `m${index}`).toSorted());
    expect(await manager.get(sessionId)).toMatchObject({ messageCount: 30, turnCount: 15, contextVersion: 30 });
  });

  it('loses and doubles no turn, whatever interleaves, fails after it was applied, and is tried again', async () => {
    const act = fc.record({ writer: fc.nat(2), text: fc.string({ maxLength: 5 }), isBot: fc.boolean(), isReplyLost: fc.boolean(), waits: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 12 }), async (acts) => {
        const real = new InMemorySessionStore();
        const lost = new Set(acts.flatMap(({ isReplyLost }, index) => (isReplyLost ? `id-${index}` : [])));
        const store: SessionStore = Object.assign(Object.create(real) as SessionStore, {
          ...Object.fromEntries((['create', 'get', 'find', 'messages', 'findMessage'] as const).map((name) => [name, (...args: never[]) => (real[name] as (...given: never[]) => unknown)(...args)])),
          async commit(...[session, added]: Parameters<SessionStore['commit']>) {
            const isCommitted = await real.commit(session, added);
            if (isCommitted && added.some(({ messageId }) => lost.delete(messageId))) throw new SessionStoreError('commit', 'the reply was lost');
            return isCommitted;
          },
        });
        const { manager: first, deps } = open({}, { store });
        const managers = [first, new SessionManager(deps), new SessionManager(deps)];
        const { sessionId } = await first.getOrCreate(where);
        await Promise.all(
          acts.map(async ({ writer, text, isBot, waits }, index) => {
            for (let wait = 0; wait < waits; wait += 1) await Promise.resolve();
            const manager = managers[writer] as SessionManager;
            const record = () => (isBot ? manager.recordResponse(sessionId, says(text, 'b', `id-${index}`)) : manager.recordMessage(sessionId, says(text, 'u', `id-${index}`)));
            await record().catch(record);
          }),
        );
        const transcript = await first.transcript(sessionId);
        expect(transcript.map(({ messageId }) => messageId).toSorted()).toEqual(acts.map((_, index) => `id-${index}`).toSorted());
        expect(transcript.map(({ seq }) => seq)).toEqual(acts.map((_, index) => index + 1));
        expect((await first.get(sessionId)).turnCount).toBe(acts.filter(({ isBot }) => isBot).length);
      }),
      { numRuns: 40 },
    );
  });

  it('has a message once that is recorded twice under its id', async () => {
    const { manager } = open();
    const { sessionId } = await manager.getOrCreate(where);
    expect((await manager.recordMessage(sessionId, says('hi', 'u1', 'm-1'))).isNew).toBe(true);
    const second = await manager.recordMessage(sessionId, says('hi', 'u1', 'm-1'));
    expect([second.isNew, second.message.seq, second.session.messageCount]).toEqual([false, 1, 1]);
  });

  // Weakness 31 (E33)
  it('takes history in once, without doubles, and only before anything was said', async () => {
    const { manager } = open();
    const { sessionId } = await manager.getOrCreate(where);
    const history = [says('one', 'u1', 'h-1'), { ...says('two', 'forge', 'h-2'), isBot: true }, says('two again', 'u1', 'h-2')];
    const puts = await Promise.all([manager.bootstrap(sessionId, history), manager.bootstrap(sessionId, history)]);
    expect(puts.filter(Boolean)).toHaveLength(1);
    await manager.recordMessage(sessionId, says('one', 'u1', 'h-1'));
    await manager.recordMessage(sessionId, says('three', 'u1', 'm-3'));
    expect(await manager.bootstrap(sessionId, history)).toBe(false);
    expect((await manager.transcript(sessionId)).map(({ messageId }) => messageId)).toEqual(['h-1', 'h-2', 'm-3']);
  });

  // Weakness 31
  it('names two different contexts differently, whoever wrote last', async () => {
    const { manager } = open({ hotWindowSize: 1, warmSummaryThreshold: 2 });
    const { sessionId } = await manager.getOrCreate(where);
    const seen = new Set<string>();
    const look = async () => seen.add((await manager.contextFor(sessionId)).snapshotId);
    await look();
    await manager.recordMessage(sessionId, says('a question'));
    await look();
    await manager.recordResponse(sessionId, says('an answer', 'forge'));
    await look();
    await manager.recordMessage(sessionId, says('thanks'));
    await look();
    expect(await manager.compact(sessionId)).toBe(true);
    await look();
    expect(seen.size).toBe(5);
    await manager.pause(sessionId);
    await look();
    expect(seen.size).toBe(5);
  });

  it('moves between its states, keeps messages while paused, and takes none when closed', async () => {
    const { manager, pass } = open({ idleAfterMs: 60_000 });
    const { sessionId } = await manager.getOrCreate(where);
    const stateNow = async () => (await manager.get(sessionId)).state;
    pass(60_000);
    expect([await manager.markIdle(), await stateNow(), await manager.markIdle()]).toEqual([1, SessionState.IDLE, 0]);
    await manager.recordMessage(sessionId, says('back'));
    expect(await stateNow()).toBe(SessionState.ACTIVE);
    await manager.pause(sessionId);
    await manager.recordMessage(sessionId, says('anyone?', 'u1', 'm-paused'));
    pass(60_000);
    expect([await manager.markIdle(), await stateNow()]).toEqual([0, SessionState.PAUSED]);
    await manager.resume(sessionId);
    expect(await stateNow()).toBe(SessionState.ACTIVE);
    await manager.close(sessionId);
    await manager.close(sessionId);
    expect(await stateNow()).toBe(SessionState.CLOSED);
    await expect(manager.recordMessage(sessionId, says('late'))).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
    await expect(manager.resume(sessionId)).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
    expect((await manager.recordMessage(sessionId, says('anyone?', 'u1', 'm-paused'))).isNew).toBe(false);
    const next = await manager.getOrCreate(where);
    expect(next.sessionId).not.toBe(sessionId);
    expect(await manager.transcript(sessionId)).toHaveLength(2);
  });

  it('begins a new session for a message without a thread after a long silence, and touch counts as being there', async () => {
    const { manager, pass } = open({ syntheticThreadTtlMs: 60_000 });
    const request = { channel: 'imessage', domain: 'personal', senderId: 'u1' };
    const first = await manager.getOrCreate(request);
    pass(60_000);
    expect((await manager.getOrCreate(request)).sessionId).toBe(first.sessionId);
    await manager.touch(first.sessionId);
    pass(60_001);
    const later = await Promise.all([manager.getOrCreate(request), manager.getOrCreate(request)]);
    expect(new Set(later.map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(later[0]?.sessionId).not.toBe(first.sessionId);
    expect((await manager.getOrCreate({ ...request, senderId: 'u2' })).sessionId).not.toBe(later[0]?.sessionId);
    pass(10 * 60_000);
    const threaded = await manager.getOrCreate(where);
    pass(10 * 60_000);
    expect((await manager.getOrCreate(where)).sessionId).toBe(threaded.sessionId);
  });

  it('refuses what it can not keep, and makes text that is broken whole', async () => {
    const { manager } = open();
    await expect(manager.getOrCreate({ ...where, domain: 'nowhere' })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'domain' });
    await expect(manager.getOrCreate({ ...where, threadId: '' })).rejects.toMatchObject({ field: 'threadId' });
    for (const threadId of ['a\0b', '\ud800', ' ', 'x'.repeat(501)]) await expect(manager.getOrCreate({ ...where, threadId })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'threadId' }); // S5
    for (const sessionId of ['../../etc/passwd', '.', 'a\0b', 'x'.repeat(300)]) await expect(manager.get(sessionId)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    await expect(manager.getOrCreate({ channel: 'slack', domain: 'eng' })).rejects.toMatchObject({ field: 'senderId' });
    const { sessionId } = await manager.getOrCreate(where);
    await expect(manager.recordMessage(sessionId, says('x'.repeat(1_000_001)))).rejects.toMatchObject({ field: 'text' });
    await expect(manager.recordMessage('nothing', says('x'))).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    expect((await manager.recordMessage(sessionId, says('a\0b\ud800'))).message.text).toBe('a\uFFFDb\uFFFD');
  });
});

describe('the tiers of a session', () => {
  const talk = async (manager: SessionManager, count: number) => {
    const { sessionId } = await manager.getOrCreate(where);
    for (let index = 1; index <= count; index += 1) await manager.recordMessage(sessionId, says(index === 3 ? 'The launch code of the zeppelin is 4711.' : `Turn number ${index}.`));
    return sessionId;
  };

  it('keeps the newest turns hot, sums up the rest beyond the threshold, and finds again what was said long ago', async () => {
    const { manager } = open({ hotWindowSize: 3, warmSummaryThreshold: 6, recallLimit: 1 });
    const sessionId = await talk(manager, 6);
    expect(await manager.compact(sessionId)).toBe(false);
    expect((await manager.contextFor(sessionId)).warmMessages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect((await manager.recordMessage(sessionId, says('one more'))).isSummaryDue).toBe(true);
    expect(await manager.compact(sessionId)).toBe(true);
    expect(await manager.compact(sessionId)).toBe(false);
    const context = await manager.contextFor(sessionId, { query: 'what was the launch code of the zeppelin?' });
    expect(context.hotMessages.map(({ seq }) => seq)).toEqual([5, 6, 7]);
    expect(context.warmMessages).toEqual([]);
    expect(context.session.summary).toMatchObject({ throughSeq: 4, madeBy: 'extraction' });
    expect(context.coldMessageCount).toBe(4);
    expect(context.recalled.map(({ message: { seq } }) => seq)).toEqual([3]);
    expect((await manager.search(sessionId, 'zeppelin')).map(({ message: { seq } }) => seq)).toEqual([3]);
  });

  it('has every turn in exactly one tier, however long the talk and whenever it is summed up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (hotWindowSize, more, compacts) => {
        const { manager } = open({ hotWindowSize, warmSummaryThreshold: hotWindowSize + more });
        const { sessionId } = await manager.getOrCreate(where);
        for (const isCompacted of compacts) {
          await manager.recordMessage(sessionId, says('x'));
          if (isCompacted) await manager.compact(sessionId);
          const { hotMessages, warmMessages, coldMessageCount, messageCount, session } = await manager.contextFor(sessionId);
          const seqs = [...warmMessages, ...hotMessages].map(({ seq }) => seq);
          expect(seqs).toEqual(Array.from({ length: messageCount - coldMessageCount }, (_, index) => coldMessageCount + index + 1));
          expect(hotMessages).toHaveLength(Math.min(hotWindowSize, messageCount));
          expect(coldMessageCount).toBeGreaterThanOrEqual(session.summary?.throughSeq ?? 0);
        }
      }),
      { numRuns: 40 },
    );
  });

  const model = (answer: (request: ModelRequest) => AsyncIterable<ModelChunk>): ModelProvider => ({ modelId: 'test:m', isLanguageModel: true, stream: answer });

  it('lets a model write the summary, with what was summed up before', async () => {
    const asked: string[] = [];
    const summarizer = modelSummarizer({
      model: model(async function* (request) {
        asked.push(request.messages.map(({ content }) => content).join('\n'));
        yield { type: 'text', text: `summary ${asked.length}` };
        yield { type: 'finish', reason: 'stop', usage: { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0 } };
      }),
    });
    const { manager } = open({ hotWindowSize: 1, warmSummaryThreshold: 3 });
    const sessionId = await talk(manager, 4);
    await manager.compact(sessionId, { summarizer });
    for (let index = 0; index < 4; index += 1) await manager.recordMessage(sessionId, says('later'));
    await manager.compact(sessionId, { summarizer });
    expect((await manager.get(sessionId)).summary).toMatchObject({ text: 'summary 2', throughSeq: 7, madeBy: 'model' });
    expect(asked[0]).toContain('| The launch code of the zeppelin is 4711.');
    expect(asked[1]).toContain('[summary of what came before]\n| summary 1');
    expect(asked[1]).not.toContain('zeppelin');
  });

  it('sums up by extraction where the model is a script, which has read nothing', async () => {
    const deps = { net: nodeNet, clock: systemClock, random: systemRandom, disk: nodeDisk, logger: silentLogger, environment: {}, baseDirectory: import.meta.dirname };
    const scripted = await createModelProvider('scripted:../test/summary.script.yaml', deps);
    const messages = [{ seq: 1, messageId: 'm', sender: 'Anna', senderId: 'u', text: 'We meet on Tuesday.', sentAt: 0, isBot: false, metadata: {} }];
    expect(await modelSummarizer({ model: scripted }).summarize({ messages, maxChars: 1_000 })).toEqual({ text: '- Anna: We meet on Tuesday.', madeBy: 'extraction' });
  });

  it('sums up by extraction when the model fails or has nothing to say, and cuts what is too long', async () => {
    const failing = modelSummarizer({
      model: model(async function* () {
        throw new Error('503');
      }),
    });
    const mute = modelSummarizer({
      model: model(async function* () {
        yield { type: 'text', text: ' \n' };
      }),
    });
    const endless = modelSummarizer({
      model: model(async function* () {
        yield { type: 'text', text: 'x'.repeat(500) };
      }),
    });
    const messages = [{ seq: 1, messageId: 'm', sender: 'Anna', senderId: 'u', text: 'We meet on Tuesday.', sentAt: 0, isBot: false, metadata: {} }];
    for (const summarizer of [failing, mute]) expect(await summarizer.summarize({ messages, maxChars: 200 })).toEqual({ text: '- Anna: We meet on Tuesday.', madeBy: 'extraction' });
    expect((await endless.summarize({ messages, maxChars: 200 })).text).toHaveLength(200);
  });

  it('makes one summary of a stretch when two want to, and loses no turn recorded meanwhile', async () => {
    const { manager, deps } = open({ hotWindowSize: 1, warmSummaryThreshold: 3 });
    const sessionId = await talk(manager, 5);
    let duringSummary: Promise<unknown> | undefined;
    const slow = new SessionManager({ ...deps, summarizer: { summarize: async () => ((duringSummary ??= manager.recordMessage(sessionId, says('meanwhile'))), await duringSummary, { text: 's', madeBy: 'model' }) } }, { hotWindowSize: 1, warmSummaryThreshold: 3 });
    const made = await Promise.all([slow.compact(sessionId), slow.compact(sessionId)]);
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await manager.get(sessionId)).toMatchObject({ messageCount: 6, summary: { throughSeq: 4, text: 's' } });
  });

  // Weakness 32
  it('tells what is remembered about the domain as it is now', async () => {
    const memory = new InMemoryMemoryStore({ clock: systemClock });
    const { manager } = open({}, { memory });
    const { sessionId } = await manager.getOrCreate(where);
    expect((await manager.contextFor(sessionId)).memories).toEqual([]);
    await memory.write('context', 'eng', 'We use npm.');
    await memory.write('skills', 'eng', 'Rebase first.');
    await memory.write('context', 'ops', 'not this');
    expect((await manager.contextFor(sessionId)).memories.map(({ content }) => content)).toEqual(['We use npm.', 'Rebase first.']);
    await memory.write('context', 'eng', 'We use pnpm.');
    expect((await manager.contextFor(sessionId)).memories[0]?.content).toBe('We use pnpm.');
  });
});
