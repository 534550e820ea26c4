/** Replies that are remembered: more than are repeated at any one time. */
const maxRemembered = 10_000;

/** Which answers a channel has taken, so that one that comes again is not shown again. The oldest are forgotten. */
export class TakenReplies {
  /** Message id by reply id, in the order in which they were taken. */
  readonly #taken = new Map<string, string>();

  /** Id of the message in which the answer was shown. */
  find(replyId: string | undefined): string | undefined {
    return replyId === undefined ? undefined : this.#taken.get(replyId);
  }

  take(replyId: string | undefined, messageId: string): void {
    if (replyId === undefined) return;
    this.#taken.set(replyId, messageId);
    if (this.#taken.size <= maxRemembered) return;
    const [oldest = ''] = this.#taken.keys();
    this.#taken.delete(oldest);
  }
}
