import { InvalidInputError } from '@cortex-runtime/core';

/** A message that outlives its run. */
export interface ConversationMessage {
  role: 'user' | 'assistant';
  content: string;
}

/**
 * The short-term memory of a process: the newest `maxMessages` messages over all runs. The oldest go first. 0 is unlimited.
 *
 * The asynchronous methods of the seed exist for its users' sake: here a call is one step in any case, and nothing can come between.
 */
export class ConversationBuffer {
  readonly maxMessages: number;
  #messages: ConversationMessage[] = [];

  constructor(options: { maxMessages?: number } = {}) {
    this.maxMessages = options.maxMessages ?? 100;
    if (!Number.isInteger(this.maxMessages) || this.maxMessages < 0) {
      throw new InvalidInputError('maxMessages', `must be a whole number of at least 0, got ${String(this.maxMessages)}`);
    }
  }

  get length(): number {
    return this.#messages.length;
  }

  append(message: ConversationMessage): void {
    this.#messages.push(message);
    this.#evict();
  }

  extend(messages: readonly ConversationMessage[]): void {
    this.#messages.push(...messages);
    this.#evict();
  }

  /** Oldest first; a copy. */
  getMessages(): ConversationMessage[] {
    return this.#messages.map((message) => ({ ...message }));
  }

  setMessages(messages: readonly ConversationMessage[]): void {
    this.#messages = messages.map((message) => ({ ...message }));
    this.#evict();
  }

  clear(): void {
    this.#messages = [];
  }

  async asyncAppend(message: ConversationMessage): Promise<void> {
    this.append(message);
  }

  async asyncReplace(messages: readonly ConversationMessage[]): Promise<void> {
    this.setMessages(messages);
  }

  async asyncSnapshot(): Promise<ConversationMessage[]> {
    return this.getMessages();
  }

  toDict(): { max_messages: number; messages: ConversationMessage[] } {
    return { max_messages: this.maxMessages, messages: this.getMessages() };
  }

  static fromDict(data: { max_messages: number; messages: readonly ConversationMessage[] }): ConversationBuffer {
    const buffer = new ConversationBuffer({ maxMessages: data.max_messages });
    buffer.setMessages(data.messages);
    return buffer;
  }

  #evict(): void {
    if (this.maxMessages > 0 && this.#messages.length > this.maxMessages) this.#messages.splice(0, this.#messages.length - this.maxMessages);
  }
}
