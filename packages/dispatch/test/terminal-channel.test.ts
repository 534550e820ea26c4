import { fixedClock } from '@cortex-runtime/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { BusConnectionError } from '@cortex-runtime/bus';
import type { ChannelMessage } from '../src/index.ts';
import { terminalChannel } from '../src/node/index.ts';
import { describeChannelContract } from '../src/testing/index.ts';
import { startProgram } from './support/child-program.ts';
import { clock, createId, until } from './support/mesh.ts';
import { openTerminal, readScreen } from './support/terminal.ts';

describeChannelContract('terminalChannel', async () => {
  const { channel, type, written } = openTerminal();
  return {
    channel, roomId: 'terminal',
    say: async (text) => type(`${text}\n`),
    told: () => readScreen(written()).notes.flatMap((note) => (note.startsWith('nobody is there') ? ['nobody'] : note.startsWith('the message was not taken') ? ['failed'] : [])),
    seen: async () => {
      const { answers, reactions } = readScreen(written());
      return { answers, reactions };
    },
  };
});

const to = (replyId: string, agent = 'forge') => ({ agent, replyId });

describe('a conversation on a terminal', () => {
  it('makes a message of each line, from whom and where it was told', async () => {
    const { channel, type } = openTerminal({ name: 'desk', room: 'r', threadId: 't', senderId: 'u1', sender: 'Ann', domain: 'eng' });
    const messages: ChannelMessage[] = [];
    await channel.listen(async (message) => messages.push(message));
    type('first\r\n\n   \n@forge second');
    type(' half\n');
    await until(() => expect(messages).toHaveLength(2));
    expect(messages[1]).toEqual({ id: messages[1]?.id, text: '@forge second half', channel: 'desk', roomId: 'r', threadId: 't', senderId: 'u1', sender: 'Ann', metadata: { domain: 'eng' } });
  });

  it('hands over one line after the other, in the order in which they were typed', async () => {
    const { channel, input } = openTerminal();
    const began: string[] = [];
    let running = 0;
    await channel.listen(async ({ text }) => {
      expect((running += 1)).toBe(1);
      began.push(text);
      await new Promise((resolve) => setImmediate(resolve));
      return (running -= 1);
    });
    input.end(Array.from({ length: 3_000 }, (_, index) => `line ${index}\n`).join(''));
    await channel.ended;
    expect(began).toEqual(Array.from({ length: 3_000 }, (_, index) => `line ${index}`));
  });

  it('ends with its input, a last line without an end included', async () => {
    const { channel, input } = openTerminal();
    const texts: string[] = [];
    await channel.listen(async ({ text }) => texts.push(text));
    input.end('one\ntwo');
    await channel.ended;
    expect(texts).toEqual(['one', 'two']);
    await channel.send('terminal', 'still here', to('r1'));
  });

  it('ends with an input that fails', async () => {
    const { channel, input } = openTerminal();
    await channel.listen(async () => ({}));
    input.destroy(new Error('the line was cut'));
    await channel.ended;
  });

  it('reads nothing more when it was told to end', async () => {
    const { channel, type } = openTerminal();
    const texts: string[] = [];
    const end = await channel.listen(async ({ text }) => texts.push(text));
    type('one\n');
    await until(() => expect(texts).toEqual(['one']));
    await end();
    type('two\n');
    await channel.ended;
    expect(texts).toEqual(['one']);
  });

  it('says what went wrong and whether to try again, in one line', async () => {
    const { channel, type, written } = openTerminal();
    await channel.listen(async () => {
      throw new BusConnectionError('publish', 'no answer\nwithin 5 s \u001b[31m');
    });
    type('hello\n');
    await until(() => expect(written()).toMatch(/\n$/));
    expect(written()).toBe('\u00b7 the message was not taken: publish: no answer within 5 s \u241b[31m; check that the broker runs and can be reached, then try again; try it again\n');
  });
});

describe('answers on a terminal', () => {
  it('come piece by piece, each as soon as it is there', async () => {
    const { channel, written } = openTerminal();
    await channel.sendPiece('terminal', 'one', to('r1'));
    expect(written()).toBe('forge: one');
    await channel.sendPiece('terminal', ' two\n', to('r1'));
    await channel.sendPiece('terminal', 'three', to('r1'));
    expect(written()).toBe('forge: one two\n  three');
    await channel.send('terminal', 'one two\nthree\n', to('r1'));
    expect(written()).toBe('forge: one two\n  three\n');
  });

  it('do not run into each other: the others follow the one that is being shown', async () => {
    const { channel, written } = openTerminal();
    await channel.sendPiece('terminal', 'one', to('r1'));
    await channel.sendPiece('terminal', 'uno', to('r2', 'anvil'));
    await channel.send('terminal', 'whole', to('r3', 'hammer'));
    await channel.react({ channel: 'terminal', roomId: 'terminal', id: 'm', threadId: undefined }, 'eyes');
    await channel.sendPiece('terminal', ' two', to('r1'));
    expect(written()).toBe('forge: one two');
    await channel.send('terminal', 'one two', to('r1'));
    expect(written()).toBe('forge: one two\nanvil: uno');
    await channel.discardReply('terminal', to('r2'));
    expect(written()).toBe('forge: one two\nanvil: uno\n\u00b7 anvil takes that back\nhammer: whole\n\u00b7 eyes: m\n');
  });

  it('let others pass when nothing came for a while, and go on under their name', async () => {
    const still = fixedClock();
    const { channel, written } = openTerminal({ holdMs: 1_000 }, { clock: still });
    await channel.sendPiece('terminal', 'one', to('r1'));
    await still.advance(5_000);
    await channel.sendPiece('terminal', ' two', to('r1'));
    await channel.send('terminal', 'passing', to('r2', 'anvil'));
    await still.advance(900);
    expect(written()).toBe('forge: one two');
    await channel.sendPiece('terminal', ' three', to('r1'));
    await still.advance(900);
    expect(written()).toBe('forge: one two three');
    await still.advance(100);
    expect(written()).toBe('forge: one two three \u2026\nanvil: passing\n');
    await channel.sendPiece('terminal', ' four', to('r1'));
    await channel.send('terminal', 'one two three four five', to('r1'));
    expect(written()).toBe('forge: one two three \u2026\nanvil: passing\nforge:  four five\n');
  });

  it('of an agent that died in the middle hold nobody back for ever', async () => {
    const still = fixedClock();
    const { channel, written } = openTerminal({ holdMs: 1_000 }, { clock: still });
    for (const agent of ['a', 'b', 'c']) await channel.sendPiece('terminal', `${agent} dies`, to(agent, agent));
    await channel.send('terminal', 'alive', to('r', 'forge'));
    await still.advance(3_000);
    expect(written()).toBe('a: a dies \u2026\nb: b dies \u2026\nc: c dies \u2026\nforge: alive\n');
    await channel.discardReply('terminal', to('b', 'b'));
    expect(written().split('\n').at(-2)).toBe('\u00b7 b takes that back');
  });

  // S11
  it('do nothing to the terminal: what would act is shown as text', async () => {
    const { channel, written } = openTerminal();
    const evil = ['\u001b[2J\u001b[H', '\u001b]0;title\u0007', '\u009b31m', '\b\b\b', '\u0000', '\u007f', 'over\rwritten', '\u202egnp.exe', 'line\u2028break', '\u001b]8;;https://evil.example\u001b\\link'];
    for (const [index, text] of evil.entries()) {
      await channel.sendPiece('terminal', text, to(`p${index}`, text));
      await channel.send('terminal', text, to(`p${index}`, text));
      await channel.send(text, text, { agent: text });
      await channel.react({ channel: 'terminal', roomId: 'terminal', id: text, threadId: undefined }, text);
      await channel.publishAgentActivity({ roomId: 'terminal', parentMessageId: 'm', taskId: 't', agentIdentity: text, phase: text, text });
    }
    expect(written()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    expect(written()).toContain('\u241b[2J\u241b[H');
    expect(written().split('\n').filter((line) => line !== '' && !/^(\u00b7 |[^ ].*: )/.test(line))).toEqual([]);
  });

  // S11
  it('can not pass for what somebody else says', async () => {
    const { channel, written } = openTerminal();
    await channel.send('terminal', 'fine\nanvil: I agree\n\u00b7 nobody is there\n> rm -rf', to('r1', 'forge\nanvil: hello'));
    expect(written()).toBe('forge anvil: hello: fine\n  anvil: I agree\n  \u00b7 nobody is there\n  > rm -rf\n');
  });

  it('for another room say which', async () => {
    const { channel, written } = openTerminal();
    await channel.send('elsewhere', 'hello', to('r1'));
    expect(written()).toBe('forge (elsewhere): hello\n');
  });

  it('come without reactions and activities where those are switched off', async () => {
    const { channel, written } = openTerminal({ showReactions: false, showActivities: false });
    await channel.react({ channel: 'terminal', roomId: 'terminal', id: 'm', threadId: undefined }, 'eyes');
    await channel.publishAgentActivity({ roomId: 'terminal', parentMessageId: 'm', taskId: 't', agentIdentity: 'forge', phase: 'started', text: 'is working on it' });
    expect(written()).toBe('');
  });

  it('are refused by an output that takes nothing more, so that they are given elsewhere', async () => {
    for (const breakOutput of [(output: { end(): void }) => output.end(), (output: { destroy(error: Error): void }) => output.destroy(new Error('EPIPE'))]) {
      const { channel, output } = openTerminal();
      breakOutput(output);
      await new Promise((resolve) => setImmediate(resolve));
      await expect(channel.send('terminal', 'hello', to('r1'))).rejects.toMatchObject({ code: 'DISPATCH_CHANNEL', retryable: true });
    }
  });

  it('come no faster than the output takes them', async () => {
    const { channel, output } = openTerminal();
    output.pause();
    let isTaken = false;
    const sending = channel.sendPiece('terminal', 'x'.repeat(1_000_000), to('r1')).then(() => (isTaken = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isTaken).toBe(false);
    output.resume();
    await sending;
  });
});

describe('a real terminal', () => {
  it('shows a prompt when nothing is being shown, and what is typed', async () => {
    const { channel, type, written } = openTerminal({ noColor: true }, { isTty: true });
    await channel.listen(async () => ({}));
    expect(written()).toMatch(/> $|> \u001b\[3G$/);
    type('hello');
    await until(() => expect(written()).toMatch(/hello$/));
    await channel.sendPiece('terminal', 'one', to('r1'));
    type(' there');
    await new Promise((resolve) => setImmediate(resolve));
    expect(written().endsWith('forge: one')).toBe(true);
    await channel.send('terminal', 'one', to('r1'));
    await until(() => expect(written()).toMatch(/> hello there/));
  });

  it('is coloured, unless it was told not to be', async () => {
    const [coloured, plain, piped] = [openTerminal({}, { isTty: true }), openTerminal({ noColor: true }, { isTty: true }), openTerminal()];
    for (const { channel } of [coloured, plain, piped]) await channel.send('terminal', 'hello', to('r1'));
    expect(coloured.written()).toBe('\u001b[1;36mforge:\u001b[0m hello\n');
    expect(plain.written()).toBe('forge: hello\n');
    expect(piped.written()).toBe('forge: hello\n');
  });

  it('ends with Ctrl-C and with Ctrl-D', async () => {
    for (const key of ['\u0003', '\u0004']) {
      const { channel, type } = openTerminal({}, { isTty: true });
      await channel.listen(async () => ({}));
      type(key);
      await channel.ended;
    }
  });

  it('is not written up over when a long line was typed', async () => {
    const { channel, type, written } = openTerminal({ noColor: true }, { isTty: true, columns: 20 });
    await channel.listen(async () => ({}));
    type('x'.repeat(50));
    await until(() => expect(written()).toMatch(/x{50}$/));
    for (const text of ['one', 'two']) {
      const before = written().length;
      await channel.send('terminal', text, to(text));
      // Up to the first row of what was typed and down from there; and not up again over what was said.
      expect(written().slice(before)).toBe(`\u001b[2A\u001b[1G\u001b[0Jforge: ${text}\n\u001b[1G\u001b[0J> ${'x'.repeat(50)}\u001b[13G`);
    }
  });
});

describe('options of a terminal', () => {
  it('are refused when they make no sense', () => {
    const deps = { input: process.stdin, output: process.stdout, clock, createId };
    for (const options of [{ name: 'a b' }, { room: '' }, { holdMs: 0 }, { colour: true }]) expect(() => terminalChannel(deps, options as object)).toThrow(Object.keys(options)[0]);
  });
});

describe('a process with a terminal channel', { timeout: 60_000 }, () => {
  it('answers what it is piped, and ends with it', async () => {
    const { child, nextLine } = await startProgram('terminal-program.ts', 'converse');
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdin?.write('@forge hello\n');
    expect(await nextLine()).toBe('forge: echo: @forge hello');
    child.stdin?.end('@nobody hello\n@forge bye');
    expect(await nextLine()).toBe('\u00b7 nobody is there for this message');
    expect(await nextLine()).toBe('forge: echo: @forge bye');
    expect(await ended).toBe(0);
  });
});
