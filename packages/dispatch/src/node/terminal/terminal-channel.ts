import { createInterface, type Interface } from 'node:readline';

import { CortexError, describeError, InvalidInputError, silentLogger, type Clock, type IdGenerator, type Logger } from '@cortex-runtime/core';
import { z } from 'zod';

import type { ChannelMessage, MessageReference } from '../../channel/channel-message.ts';
import type { AgentActivity, ChannelProvider, MessageSource, ReplyTarget } from '../../channel/channel-provider.ts';
import { TakenReplies } from '../taken-replies.ts';
import { AnswerOrder } from './answer-order.ts';
import { plainLine } from './plain-text.ts';
import { TerminalScreen, type TerminalOutput } from './terminal-screen.ts';

export interface TerminalChannelDependencies {
  /** Read line by line: `process.stdin` fits. */
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: TerminalOutput;
  clock: Clock;
  createId: IdGenerator;
  logger?: Logger;
}

const id = z.string().min(1).max(400);

/** Who writes on the terminal, and what is shown there. */
export const TerminalChannelOptions = z.strictObject({
  /** Name of the channel. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be 1 to 100 letters, digits, ".", "_" or "-" and start with a letter or digit').default('terminal'),
  room: id.default('terminal'),
  /** Of every message; none when left out. */
  threadId: id.optional(),
  senderId: id.default('local'),
  /** Name of the sender for people. */
  sender: z.string().max(200).default(''),
  /** Domain of messages that mention nobody; the dispatcher's own when left out. */
  domain: z.string().min(1).max(128).optional(),
  prompt: z.string().max(100).default('> '),
  showReactions: z.boolean().default(true),
  showActivities: z.boolean().default(true),
  /** True where NO_COLOR is set. Without it a terminal is written to in colours, and whatever is none is not. */
  noColor: z.boolean().default(false),
  /** Milliseconds of silence after which an answer that is being shown lets others pass. */
  holdMs: z.int().min(1).default(5_000),
});
export type TerminalChannelOptions = z.input<typeof TerminalChannelOptions>;

export interface TerminalChannel extends Required<Omit<ChannelProvider, 'followThread'>>, MessageSource {
  /** Resolves when the input has ended, by end of file or Ctrl-C, and its last message has been handled. */
  readonly ended: Promise<void>;
  /** Reads nothing more. */
  close(): Promise<void>;
}

/** Messages whose beginnings are remembered, to say what a reaction is about. */
const maxRemembered = 1_000;
const nameChars = 80;
const noteChars = 400;

/**
 * A conversation on a terminal: each line that is typed is a message, and answers are shown as they come, one after the other. What anybody says is shown as text: escape
 * sequences and other control characters do nothing.
 *
 * `send` resolves when the screen has the answer in its order, which may be behind another one that is being shown. There is one room; what is sent to others is shown with their names.
 *
 * States: created → `listen` → listening → the input ends → ended. It can be written to in all of them, for as long as the output takes anything.
 */
export function terminalChannel(deps: TerminalChannelDependencies, options: TerminalChannelOptions = {}): TerminalChannel {
  return new ReadlineTerminalChannel(deps, TerminalChannelOptions.parse(options));
}

class ReadlineTerminalChannel implements TerminalChannel {
  readonly name: string;
  readonly ended: Promise<void>;
  readonly #deps: TerminalChannelDependencies;
  readonly #logger: Logger;
  readonly #settings: z.output<typeof TerminalChannelOptions>;
  readonly #screen: TerminalScreen;
  readonly #order: AnswerOrder;
  readonly #taken = new TakenReplies();
  /** How messages begin, by id, the oldest first. */
  readonly #beginnings = new Map<string, string>();
  #interface: Interface | undefined;
  #end: () => void = () => {};

  constructor(deps: TerminalChannelDependencies, settings: z.output<typeof TerminalChannelOptions>) {
    this.name = settings.name;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#settings = settings;
    this.#screen = new TerminalScreen(deps.output, settings);
    this.#order = new AnswerOrder({ screen: this.#screen, clock: deps.clock }, settings);
  }

  async listen(handler: (message: ChannelMessage) => Promise<unknown>): Promise<() => Promise<void>> {
    if (this.#interface !== undefined) throw new InvalidInputError('handler', 'this channel has one already; a terminal is listened to once');
    const { input } = this.#deps;
    const readline = createInterface({ input, output: this.#screen.echo, terminal: input.isTTY === true && this.#screen.isTty, prompt: this.#settings.prompt, crlfDelay: Number.POSITIVE_INFINITY });
    this.#interface = readline;
    input.on('error', () => readline.close());
    this.#screen.attach(readline);
    void this.#read(readline, handler);
    return () => this.close();
  }

  async close(): Promise<void> {
    if (this.#interface === undefined) this.#end();
    this.#interface?.close();
    await this.ended;
    this.#order.close();
  }

  async send(roomId: string, text: string, target: ReplyTarget = {}): Promise<{ messageId: string }> {
    this.#screen.assertOpen();
    const known = this.#taken.find(target.replyId);
    if (known !== undefined) return { messageId: known };
    const messageId = this.#deps.createId();
    this.#taken.take(target.replyId, messageId);
    this.#order.answer(target.replyId, this.#nameOf(roomId, target), text);
    return { messageId };
  }

  async sendPiece(roomId: string, piece: string, target: ReplyTarget & { replyId: string }): Promise<void> {
    this.#screen.assertOpen();
    if (this.#taken.find(target.replyId) === undefined) this.#order.piece(target.replyId, this.#nameOf(roomId, target), piece);
    await this.#screen.ready();
  }

  async discardReply(_roomId: string, target: ReplyTarget & { replyId: string }): Promise<void> {
    this.#screen.assertOpen();
    this.#order.withdraw(target.replyId);
  }

  async react(target: MessageReference, emoji: string, options: { remove?: boolean } = {}): Promise<void> {
    this.#screen.assertOpen();
    // What was printed stays: a reaction that is taken away is followed by the one that takes its place.
    if (this.#settings.showReactions && options.remove !== true) this.#note(`${emoji}: ${this.#beginnings.get(target.id) ?? target.id}`);
  }

  async publishAgentActivity({ agentIdentity, phase, text }: AgentActivity): Promise<void> {
    this.#screen.assertOpen();
    if (this.#settings.showActivities) this.#note(`${agentIdentity} ${phase}: ${text}`);
  }

  async #read(readline: Interface, handler: (message: ChannelMessage) => Promise<unknown>): Promise<void> {
    try {
      for await (const line of readline) {
        if (line.trim() !== '') await this.#handle(this.#messageOf(line), handler);
        this.#screen.prompt();
      }
    } catch (error) {
      this.#logger.warn({ channel: this.name, error: describeError(error) }, 'the input of a terminal failed; nothing more is read from it');
    }
    this.#screen.detach();
    this.#end();
  }

  async #handle(message: ChannelMessage, handler: (message: ChannelMessage) => Promise<unknown>): Promise<void> {
    this.#beginnings.set(message.id, plainLine(message.text, 40));
    const [oldest = ''] = this.#beginnings.keys();
    if (this.#beginnings.size > maxRemembered) this.#beginnings.delete(oldest);
    try {
      if ((await handler(message)) === undefined) this.#note('nobody is there for this message');
    } catch (error) {
      this.#note(`the message was not taken: ${describeError(error)}${CortexError.is(error) && error.retryable ? '; try it again' : ''}`);
    }
  }

  #messageOf(text: string): ChannelMessage {
    const { name, room, threadId, senderId, sender, domain } = this.#settings;
    return { id: this.#deps.createId(), text, channel: name, roomId: room, threadId, senderId, sender, ...(domain === undefined ? {} : { metadata: { domain } }) };
  }

  #nameOf(roomId: string, { agent = this.name }: ReplyTarget): string {
    return `${plainLine(agent, nameChars)}${roomId === this.#settings.room ? '' : ` (${plainLine(roomId, nameChars)})`}`;
  }

  #note(text: string): void {
    this.#order.note(plainLine(text, noteChars));
  }
}
