import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { newSession, withMessage, type Session, type SessionMessage } from '../session.ts';
import { emptyLog, foldLog, formatCommit } from './session-log.ts';

const message = (seq: number, text: string): SessionMessage => ({ seq, messageId: `m-${seq}`, sender: 'A', senderId: 'u', text, sentAt: 1, isBot: seq % 2 === 0, metadata: {} });

/** A log of these texts, one commit each, as its writer has it. */
function written(texts: readonly string[]): { commits: Uint8Array[]; session: Session } {
  const log = emptyLog();
  let session = newSession({ channel: 'c', domain: 'eng', threadId: 't' }, { sessionId: 's', now: 1 });
  const commits = [formatCommit(log, session, [], 'first')];
  foldLog(log, commits[0] as Uint8Array);
  for (const [index, text] of texts.entries()) {
    const added = message(index + 1, text);
    session = { ...withMessage(session, added, 1), revision: session.revision + 1 };
    const commit = formatCommit(log, session, [added], `token-${index}`);
    foldLog(log, commit);
    commits.push(commit);
  }
  return { commits, session };
}

const text = fc.string({ unit: fc.constantFrom('a', '\n', '"', '\\', '\u{1f980}', '\u2028', ' '), maxLength: 10 });

describe('the log of a session', () => {
  it('reads the same in whatever pieces it is read, with whatever a crash left between its commits', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 12 }), (texts, tears, cuts) => {
        const { commits, session } = written(texts);
        const torn = commits.flatMap((commit, index) => (tears[index] === undefined ? [commit] : [commit.subarray(0, tears[index] % (commit.length - 1)), commit]));
        const bytes = Buffer.concat(torn);
        const log = emptyLog();
        let end = 0;
        for (const cut of [...cuts, bytes.length]) {
          end = Math.min(bytes.length, end + cut);
          foldLog(log, bytes.subarray(log.offset, end));
        }
        expect(log.session).toEqual(session);
        expect(log.messages.map((each) => each.text)).toEqual(texts);
        expect(log.offset).toBe(bytes.length);
      }),
    );
  });

  it('counts the first of the commits onto a revision and no bit of the others', () => {
    const { commits, session } = written(['one']);
    const log = emptyLog();
    const rival = formatCommit({ ...emptyLog() }, { ...session, metadata: { rival: true } }, [message(1, 'rival')], 'rival');
    const heard: string[] = [];
    foldLog(log, Buffer.concat([...commits, rival, ...commits]), (revision, token) => heard.push(`${revision} ${token}`));
    expect(heard).toEqual(['1 first', '2 token-0']);
    expect(log.session).toEqual(session);
    expect(log.messages.map((each) => each.text)).toEqual(['one']);
  });

  it('counts a commit with one changed bit for nothing', () => {
    const { commits, session } = written(['one', 'two']);
    const last = Buffer.from(commits.at(-1) as Uint8Array);
    for (let index = 1; index < last.length - 1; index += 7) {
      const damaged = Buffer.from(last);
      damaged[index] = (damaged[index] as number) ^ 1;
      const log = emptyLog();
      foldLog(log, Buffer.concat([...commits.slice(0, -1), damaged]));
      expect(log.messages).toHaveLength(1);
      foldLog(log, last);
      expect(log.session).toEqual(session);
    }
  });
});
