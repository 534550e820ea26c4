import type { AgentActivity, ChannelProvider, MessageReference, ReplyTarget } from '../../src/index.ts';

/** A channel that keeps what it was given, in order, and fails where a test says so. */
export class RecordingChannel implements ChannelProvider {
  readonly name = 'test';
  readonly calls: string[] = [];
  readonly targets: (ReplyTarget | undefined)[] = [];
  readonly activities: AgentActivity[] = [];
  /** Calls that reject. */
  readonly failing = new Set<'send' | 'sendPiece' | 'react' | 'followThread' | 'publishAgentActivity'>();

  get sent(): string[] {
    return this.calls.filter((call) => call.startsWith('send ')).map((call) => call.slice(5));
  }

  async send(_roomId: string, text: string, target?: ReplyTarget): Promise<{ messageId: string }> {
    this.#fail('send');
    this.calls.push(`send ${text}`);
    this.targets.push(target);
    return { messageId: 'sent' };
  }

  async sendPiece(_roomId: string, piece: string): Promise<void> {
    this.#fail('sendPiece');
    this.calls.push(`piece ${piece}`);
  }

  async discardReply(): Promise<void> {
    this.calls.push('discard');
  }

  async react(_target: MessageReference, emoji: string, options: { remove?: boolean } = {}): Promise<void> {
    this.#fail('react');
    this.calls.push(`${options.remove === true ? '-' : '+'}${emoji}`);
  }

  async followThread(): Promise<void> {
    this.#fail('followThread');
    this.calls.push('follow');
  }

  async publishAgentActivity(activity: AgentActivity): Promise<void> {
    this.#fail('publishAgentActivity');
    this.activities.push(activity);
  }

  #fail(call: 'send' | 'sendPiece' | 'react' | 'followThread' | 'publishAgentActivity'): void {
    if (this.failing.has(call)) throw new Error(`${call} is broken`);
  }
}
