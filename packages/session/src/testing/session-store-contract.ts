import { describe, expect, it, onTestFinished } from 'vitest';

import { SessionStoreClosedError } from '../errors.ts';
import { newSession, SessionState, withMessage, type Session, type SessionMessage } from '../session.ts';
import type { SessionStore } from '../session-store.ts';

const key = { channel: 'slack', domain: 'eng', threadId: 't-1' } as const;
let made = 0;

/** A session that no store has seen. */
const fresh = (given: Partial<Pick<Session, 'channel' | 'domain' | 'threadId'>> = {}) =>
  newSession({ ...key, ...given }, { sessionId: `00000000-0000-7000-8000-${String((made += 1)).padStart(12, '0')}`, now: 1_700_000_000_000 + made, roomId: 'room', metadata: { a: [1, null] } });

const message = (seq: number, text = `text ${seq}`): SessionMessage => ({
  seq, messageId: `m-${seq}`, sender: 'Anna', senderId: 'u1', text, sentAt: 1_700_000_000_000 + seq, isBot: seq % 2 === 0, metadata: { seq },
});

/** The next revision, with messages added. */
function next(session: Session, added: readonly SessionMessage[] = [], change: Partial<Session> = {}): Session {
  const grown = added.reduce((current, each) => withMessage(current, each, each.sentAt), session);
  return { ...grown, ...change, revision: session.revision + 1 };
}

/**
 * The promises of {@link SessionStore}, for every adapter.
 *
 * @param open - gives an empty store
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeSessionStoreContract(name: string, open: () => Promise<SessionStore>, exceptions: Readonly<Record<string, string>> = {}): void {
  const promise = (title: string, check: (store: SessionStore) => Promise<void>) => {
    const reason = exceptions[title];
    if (reason !== undefined) it.skip(`${title} (${reason})`, () => {});
    else {
      it(title, async () => {
        const store = await open();
        onTestFinished(() => store.close());
        await check(store);
      });
    }
  };

  describe(`${name} keeps the contract of a session store`, () => {
    promise('finds a session by its id and by its key, as it was stored', async (store) => {
      const session = fresh();
      expect(await store.create(session)).toEqual({ session, isNew: true });
      expect(await store.get(session.sessionId)).toEqual(session);
      expect(await store.find(key)).toEqual(session);
      expect(await store.get('nothing')).toBeUndefined();
      expect(await store.get('../../etc/passwd')).toBeUndefined();
      expect(await store.find({ ...key, threadId: 'other' })).toBeUndefined();
    });

    // Weakness 30
    promise('keeps apart what differs in channel, domain or thread, also when the parts run together', async (store) => {
      const keys = [{}, { channel: 'mail' }, { domain: 'ops' }, { threadId: 't-2' }, { channel: 'slack:eng', threadId: 't' }, { channel: 'slack', threadId: 'eng:t' }, { threadId: 'T-1' }] as const;
      for (const each of keys) expect((await store.create(fresh(each))).isNew).toBe(true);
      expect(new Set((await store.list()).map(({ sessionId }) => sessionId)).size).toBe(keys.length);
    });

    // catalogue row S5: names that file systems, key patterns or collations take for one another
    promise('keeps apart threads whose names look alike, and takes none for a path', async (store) => {
      const long = 'x'.repeat(299);
      const names = ['caf\u00e9', 'cafe\u0301', 'Kelvin', '\u212aelvin', 'a', 'A', 'a ', '.', '..', '.hidden', '../../etc/passwd', 'a/b', 'a\\b', 'a:b', 'a*', '{a}', '%2e%2e', 'con', `${long}a`, `${long}b`, '__proto__', '\u{1f980}'];
      for (const threadId of names) expect(await store.create(fresh({ threadId }))).toMatchObject({ isNew: true, session: { threadId } });
      const found = await Promise.all(names.map((threadId) => store.find({ ...key, threadId })));
      expect(found.map((session) => session?.threadId)).toEqual(names);
      expect(new Set(found.map((session) => session?.sessionId)).size).toBe(names.length);
      for (const each of found) await store.commit(next(each as Session, [message(1, each?.threadId)]), [message(1, each?.threadId)]);
      for (const each of found) expect((await store.messages(each?.sessionId ?? '')).map(({ text }) => text)).toEqual([each?.threadId]);
    });

    // Weakness 29 (E30)
    promise('makes one session when many create it at once, and tells all of them which', async (store) => {
      const results = await Promise.all(Array.from({ length: 12 }, () => store.create(fresh())));
      expect(results.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(results.map(({ session }) => session.sessionId)).size).toBe(1);
      expect(await store.list()).toHaveLength(1);
    });

    // Weakness 29 (E31)
    promise('lets exactly one of many commit onto a revision, with all of its messages', async (store) => {
      const { session } = await store.create(fresh());
      const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => store.commit(next(session, [{ ...message(1), messageId: `w-${index}-1` }, { ...message(2), messageId: `w-${index}-2` }]), [{ ...message(1), messageId: `w-${index}-1` }, { ...message(2), messageId: `w-${index}-2` }])));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const winner = outcomes.indexOf(true);
      expect((await store.messages(session.sessionId)).map(({ messageId }) => messageId)).toEqual([`w-${winner}-1`, `w-${winner}-2`]);
      expect(await store.get(session.sessionId)).toMatchObject({ revision: 2, messageCount: 2, turnCount: 1 });
      const loser = (winner + 1) % 12;
      expect(await store.findMessage(session.sessionId, `w-${loser}-1`)).toBeUndefined();
    });

    promise('writes nothing when a commit is repeated, is onto no session, or onto another revision', async (store) => {
      const { session } = await store.create(fresh());
      const second = next(session, [message(1)]);
      expect(await store.commit(second, [message(1)])).toBe(true);
      expect(await store.commit(second, [message(1)])).toBe(false);
      expect(await store.commit({ ...second, revision: 9 }, [message(2)])).toBe(false);
      expect(await store.commit(next(fresh()), [])).toBe(false);
      expect(await store.messages(session.sessionId)).toEqual([message(1)]);
    });

    promise('keeps every field of a session and of a message, and any text as it is', async (store) => {
      const { session } = await store.create(fresh());
      const texts = ['', '\n', 'caf\u00e9 \u{1f980} \u2028 "q" \\ end', '__proto__', '{"a":1}', '| x\r\n[message 9]'];
      const added = texts.map((text, index) => ({ ...message(index + 1, text), metadata: { text, deep: { n: [null, -1.5] } } }));
      const changed = next(session, added, { state: SessionState.PAUSED, summary: { text: 'so\nfar', throughSeq: 2, madeBy: 'model', madeAt: 5 }, metadata: { b: 'x' } });
      expect(await store.commit(changed, added)).toBe(true);
      expect(await store.get(session.sessionId)).toEqual(changed);
      expect(await store.messages(session.sessionId)).toEqual(added);
      const { summary: _, ...without } = changed;
      expect(await store.commit({ ...without, revision: 3 }, [])).toBe(true);
      expect((await store.get(session.sessionId))?.summary).toBeUndefined();
    });

    promise('reads any part of a transcript in order', async (store) => {
      const { session } = await store.create(fresh());
      const all = Array.from({ length: 10 }, (_, index) => message(index + 1));
      await store.commit(next(session, all), all);
      const seqs = async (query: Parameters<SessionStore['messages']>[1]) => (await store.messages(session.sessionId, query)).map(({ seq }) => seq);
      expect(await seqs({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(await seqs({ limit: 3 })).toEqual([8, 9, 10]);
      expect(await seqs({ afterSeq: 4, untilSeq: 6 })).toEqual([5, 6]);
      expect(await seqs({ untilSeq: 5, limit: 2 })).toEqual([4, 5]);
      expect(await seqs({ afterSeq: 9, limit: 5 })).toEqual([10]);
      expect(await seqs({ afterSeq: 10 })).toEqual([]);
      expect(await seqs({ untilSeq: 0 })).toEqual([]);
      expect(await store.messages('nothing')).toEqual([]);
      expect(await store.findMessage(session.sessionId, 'm-7')).toEqual(message(7));
      expect(await store.findMessage(session.sessionId, 'm-70')).toBeUndefined();
    });

    promise('finds messages by their words, the most relevant first, up to a point of the transcript', async (store) => {
      const { session } = await store.create(fresh());
      const all = ['the wifi password is on the fridge', 'thanks', 'the fridge is empty', 'what was the wifi password'].map((text, index) => message(index + 1, text));
      await store.commit(next(session, all), all);
      const found = await store.search(session.sessionId, 'wifi password fridge');
      expect(found[0]?.message).toEqual(all[0]);
      for (const { score } of found) expect(score > 0 && score <= 1).toBe(true);
      expect((await store.search(session.sessionId, 'wifi', { untilSeq: 3 })).map(({ message: { seq } }) => seq)).toEqual([1]);
      expect(await store.search(session.sessionId, 'fridge', { limit: 1 })).toHaveLength(1);
      expect(await store.search(session.sessionId, ' ')).toEqual([]);
      expect(await store.search(session.sessionId, 'zeppelin')).toEqual([]);
    });

    // Weakness 36 (E34): there, a closed session was given out again
    promise('makes a new session for the key of a closed one, once, and keeps both', async (store) => {
      const { session: first } = await store.create(fresh());
      await store.commit(next(first, [message(1)], { state: SessionState.CLOSED }), [message(1)]);
      expect(await store.find(key)).toBeUndefined();
      const results = await Promise.all(Array.from({ length: 8 }, () => store.create(fresh())));
      expect(new Set(results.map(({ session }) => session.sessionId)).size).toBe(1);
      expect(results[0]?.session.sessionId).not.toBe(first.sessionId);
      expect(await store.messages(first.sessionId)).toEqual([message(1)]);
      expect(await store.list()).toHaveLength(2);
    });

    promise('lists by state, channel and domain, the most recently active first', async (store) => {
      const sessions: Session[] = [];
      for (const given of [{ channel: 'slack' }, { channel: 'mail' }, { channel: 'mail', domain: 'ops' as const }]) sessions.push((await store.create(fresh(given))).session);
      const [slack, mail, ops] = sessions as [Session, Session, Session];
      await store.commit(next(slack, [message(1)], { lastActivityAt: 1_800_000_000_000 }), [message(1)]);
      await store.commit(next(mail, [], { state: SessionState.PAUSED }), []);
      const ids = async (query: Parameters<SessionStore['list']>[0]) => (await store.list(query)).map(({ sessionId }) => sessionId);
      expect(await ids({})).toEqual([slack.sessionId, ops.sessionId, mail.sessionId]);
      expect(await ids({ channel: 'mail' })).toEqual([ops.sessionId, mail.sessionId]);
      expect(await ids({ domain: 'ops' })).toEqual([ops.sessionId]);
      expect(await ids({ state: SessionState.PAUSED })).toEqual([mail.sessionId]);
      expect(await ids({ limit: 1 })).toEqual([slack.sessionId]);
    });

    promise('forgets a session that is deleted with all that was said, and its key can be used again', async (store) => {
      const { session } = await store.create(fresh());
      await store.commit(next(session, [message(1)]), [message(1)]);
      expect(await store.search(session.sessionId, 'text')).toHaveLength(1);
      expect(await store.delete(session.sessionId)).toBe(true);
      expect(await store.search(session.sessionId, 'text')).toEqual([]);
      expect(await store.delete(session.sessionId)).toBe(false);
      expect(await store.get(session.sessionId)).toBeUndefined();
      expect(await store.find(key)).toBeUndefined();
      expect(await store.messages(session.sessionId)).toEqual([]);
      expect(await store.commit(next(next(session)), [])).toBe(false);
      expect((await store.create(fresh())).isNew).toBe(true);
      expect(await store.list()).toHaveLength(1);
    });

    promise('is not changed by what happens outside to what it gave or was given', async (store) => {
      const session = fresh();
      const { session: given } = await store.create(session);
      (session.metadata as Record<string, unknown>)['a'] = 'changed';
      (given.metadata as Record<string, unknown>)['a'] = 'changed';
      expect((await store.get(session.sessionId))?.metadata).toEqual({ a: [1, null] });
    });

    promise('can be closed twice and is not used after', async (store) => {
      const { session } = await store.create(fresh());
      await store.close();
      await store.close();
      await expect(store.get(session.sessionId)).rejects.toBeInstanceOf(SessionStoreClosedError);
      await expect(store.create(fresh())).rejects.toBeInstanceOf(SessionStoreClosedError);
      await expect(store.commit(next(session), [])).rejects.toBeInstanceOf(SessionStoreClosedError);
      await expect(store.messages(session.sessionId)).rejects.toBeInstanceOf(SessionStoreClosedError);
      await expect(store.list()).rejects.toBeInstanceOf(SessionStoreClosedError);
    });
  });
}
