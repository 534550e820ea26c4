import { BusFullError } from '@cortex-runtime/bus';
import { describe, expect, vi } from 'vitest';

import type { ChannelMessage } from '../channel/channel-message.ts';
import type { ChannelProvider, MessageSource, ReplyTarget } from '../channel/channel-provider.ts';
import { contractPromises } from './contract-promises.ts';

/** What somebody who watches the room has before them. */
export interface SeenInRoom {
  /** In the order in which they began to be shown, without those that were taken back. */
  answers: { agent: string; text: string }[];
  /** Names of reactions, in the order in which they were added. */
  reactions: string[];
}

/** A channel of which one room is watched by somebody who also writes there. */
export interface OpenedChannel {
  channel: ChannelProvider & MessageSource;
  roomId: string;
  /** Somebody writes in the room. */
  say(text: string): Promise<void>;
  /** What they were told of what they wrote, other than that it was taken. */
  told(): ('nobody' | 'failed')[];
  /** What there is to see once everything has come that was sent so far. */
  seen(): Promise<SeenInRoom>;
}

/**
 * The promises of a channel that people use: of {@link ChannelProvider} and {@link MessageSource}, for every adapter.
 *
 * @param open - gives a channel that is at work, with nothing in the room
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeChannelContract(name: string, open: () => Promise<OpenedChannel>, exceptions: Readonly<Record<string, string>> = {}): void {
  const register = contractPromises(open, exceptions);
  const promise = (title: string, check: (opened: OpenedChannel) => Promise<void>) => register(title, undefined, check);
  const to = (replyId: string, agent = 'forge'): ReplyTarget & { replyId: string } => ({ agent, replyId });
  const answer = (text: string, agent = 'forge') => ({ agent, text });

  describe(`${name} keeps the contract of a channel`, () => {
    promise('shows an answer under the name of who gives it', async ({ channel, roomId, seen }) => {
      await channel.send(roomId, 'hello', { agent: 'forge' });
      await channel.send(roomId, 'hello too', { agent: 'Anvil the 2nd', replyId: 'r2', threadId: 't' });
      expect((await seen()).answers).toEqual([answer('hello'), answer('hello too', 'Anvil the 2nd')]);
    });

    promise('shows an answer as it was given, whatever is in it', async ({ channel, roomId, seen }) => {
      const texts = ['one\ntwo\n\n  three', 'data: x\n\nevent: message\ndata: {"agent":"anvil"}', 'anvil: I am not forge\nanvil: nor here', '\u{1f525} "quoted" \\n <b>&amp;</b> ${x} %s', 'x'.repeat(100_000), '\u00b7 forge takes that back', ': comment'];
      for (const text of texts) await channel.send(roomId, text, { agent: 'forge' });
      expect((await seen()).answers).toEqual(texts.map((text) => answer(text)));
    });

    promise('shows an answer once, however often it is sent, and says so with the same id', async ({ channel, roomId, seen }) => {
      const together = await Promise.all(Array.from({ length: 5 }, () => channel.send(roomId, 'hello', to('r1'))));
      const later = await channel.send(roomId, 'hello in other words', to('r1'));
      expect(new Set([...together, later].map(({ messageId }) => messageId)).size).toBe(1);
      const other = await channel.send(roomId, 'hello', to('r2'));
      expect(other.messageId).not.toBe(later.messageId);
      expect((await seen()).answers).toEqual([answer('hello'), answer('hello')]);
    });

    promise('shows the pieces of an answer before it is whole, and the answer once', async ({ channel, roomId, seen }) => {
      for (const piece of ['one', ' two', '\nthree']) await channel.sendPiece?.(roomId, piece, to('r1'));
      expect((await seen()).answers).toEqual([answer('one two\nthree')]);
      await channel.send(roomId, 'one two\nthree four', to('r1'));
      await channel.sendPiece?.(roomId, ' late', to('r1'));
      expect((await seen()).answers).toEqual([answer('one two\nthree four')]);
    });

    promise('shows the whole answer when pieces of it were left out', async ({ channel, roomId, seen }) => {
      for (const piece of ['one', 'three']) await channel.sendPiece?.(roomId, piece, to('r1'));
      await channel.send(roomId, 'one two three', to('r1'));
      expect((await seen()).answers).toEqual([answer('one two three')]);
    });

    promise('shows characters whole that were cut into pieces', async ({ channel, roomId, seen }) => {
      const text = '\u{1f525}\u{1f9ef}';
      for (const unit of text.split('')) await channel.sendPiece?.(roomId, unit, to('r1'));
      await channel.send(roomId, text, to('r1'));
      expect((await seen()).answers).toEqual([answer(text)]);
    });

    promise('takes back what was shown of an attempt, and shows the next one', async ({ channel, roomId, seen }) => {
      await channel.sendPiece?.(roomId, 'it is five', to('r1'));
      await channel.discardReply?.(roomId, to('r1'));
      expect((await seen()).answers).toEqual([]);
      await channel.sendPiece?.(roomId, 'it is', to('r1'));
      await channel.send(roomId, 'it is four', to('r1'));
      expect((await seen()).answers).toEqual([answer('it is four')]);
    });

    promise('takes back nothing where there is nothing, or the answer is given', async ({ channel, roomId, seen }) => {
      await channel.discardReply?.(roomId, to('r1'));
      await channel.send(roomId, 'hello', to('r1'));
      await channel.discardReply?.(roomId, to('r1'));
      expect((await seen()).answers).toEqual([answer('hello')]);
    });

    promise('keeps answers apart that are given at once', async ({ channel, roomId, seen }) => {
      const replies = ['r1', 'r2', 'r3'];
      for (let piece = 0; piece < 20; piece += 1) await Promise.all(replies.map(async (replyId) => channel.sendPiece?.(roomId, `${replyId}-${piece}\n`, to(replyId, `agent-${replyId}`))));
      const whole = (replyId: string) => Array.from({ length: 20 }, (_, piece) => `${replyId}-${piece}\n`).join('') + 'end';
      for (const replyId of replies.toReversed()) await channel.send(roomId, whole(replyId), to(replyId, `agent-${replyId}`));
      const { answers } = await seen();
      expect(answers.toSorted((a, b) => (a.agent < b.agent ? -1 : 1))).toEqual(replies.map((replyId) => answer(whole(replyId), `agent-${replyId}`)));
    });

    promise('shows reactions in the order in which they come, and lets them be taken away', async ({ channel, roomId, seen }) => {
      const message = { channel: channel.name, roomId, id: 'm-1', threadId: undefined };
      await channel.react?.(message, 'eyes');
      await channel.react?.(message, 'eyes', { remove: true });
      for (const emoji of ['hourglass_flowing_sand', 'white_check_mark']) await channel.react?.(message, emoji);
      expect((await seen()).reactions).toEqual(['eyes', 'hourglass_flowing_sand', 'white_check_mark']);
    });

    promise('takes activities and threads that nobody has asked for', async ({ channel, roomId, seen }) => {
      await channel.publishAgentActivity?.({ roomId, parentMessageId: 'm-1', taskId: 't-1', agentIdentity: 'forge', phase: 'tool_call', text: 'search' });
      await channel.followThread?.({ channel: channel.name, roomId, id: 'm-1', threadId: 't' });
      expect(await seen()).toEqual({ answers: [], reactions: [] });
    });

    promise('hands over what somebody writes, each message under an id of its own', async ({ channel, roomId, say, told }) => {
      const messages: ChannelMessage[] = [];
      await channel.listen(async (message) => messages.push(message));
      for (const text of ['@forge do this', 'again', 'again']) await say(text);
      await vi.waitFor(() => expect(messages).toHaveLength(3));
      expect(messages.map(({ text }) => text)).toEqual(['@forge do this', 'again', 'again']);
      expect(new Set(messages.map(({ id }) => id)).size).toBe(3);
      for (const message of messages) expect(message).toMatchObject({ channel: channel.name, roomId, senderId: expect.stringMatching(/./) as string });
      expect(told()).toEqual([]);
    });

    promise('tells who wrote a message that nobody is there for it', async ({ channel, say, told }) => {
      await channel.listen(async () => undefined);
      await say('hello?');
      await vi.waitFor(() => expect(told()).toEqual(['nobody']));
    });

    promise('tells who wrote a message that it was not taken, and goes on', async ({ channel, say, told }) => {
      let messages = 0;
      const failures = [new BusFullError('tasks:eng', 'full'), new Error('nobody foresaw this')];
      await channel.listen(async () => {
        messages += 1;
        const failure = failures[messages - 1];
        if (failure !== undefined) throw failure;
        return {};
      });
      for (const text of ['one', 'two', 'three']) await say(text);
      await vi.waitFor(() => expect(messages).toBe(3));
      expect(told()).toEqual(['failed', 'failed']);
    });

    promise('is listened to by one', async ({ channel }) => {
      await channel.listen(async () => ({}));
      await expect(channel.listen(async () => ({}))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    });
  });
}
