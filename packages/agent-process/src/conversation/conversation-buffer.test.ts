import { describe, expect, it } from 'vitest';

import { ConversationBuffer } from './conversation-buffer.ts';

const message = (content: string) => ({ role: 'user' as const, content });

describe('ConversationBuffer', () => {
  it('keeps the newest messages and lets the oldest go', () => {
    const buffer = new ConversationBuffer({ maxMessages: 3 });
    buffer.extend(['a', 'b', 'c', 'd'].map(message));
    expect(buffer.getMessages().map(({ content }) => content)).toEqual(['b', 'c', 'd']);
    buffer.append(message('e'));
    expect(buffer.length).toBe(3);
    expect(buffer.getMessages()[2]?.content).toBe('e');
  });

  it('keeps everything when the limit is 0', () => {
    const buffer = new ConversationBuffer({ maxMessages: 0 });
    buffer.extend(Array.from({ length: 500 }, (_, index) => message(String(index))));
    expect(buffer.length).toBe(500);
  });

  it('gives copies, so that a reader can not change it', async () => {
    const buffer = new ConversationBuffer();
    buffer.append(message('a'));
    const [first] = await buffer.asyncSnapshot();
    if (first !== undefined) first.content = 'changed';
    expect(buffer.getMessages()[0]?.content).toBe('a');
  });

  it('survives a round trip through its document', () => {
    const buffer = new ConversationBuffer({ maxMessages: 2 });
    buffer.extend([message('a'), message('b')]);
    const copy = ConversationBuffer.fromDict(buffer.toDict());
    expect(copy.getMessages()).toEqual(buffer.getMessages());
    expect(copy.maxMessages).toBe(2);
  });

  it('refuses a negative limit', () => {
    expect(() => new ConversationBuffer({ maxMessages: -1 })).toThrow(/maxMessages/);
  });
});
