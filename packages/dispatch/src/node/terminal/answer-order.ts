import type { Clock, Timer } from '@cortex-runtime/core';

import { plainText } from './plain-text.ts';
import type { TerminalScreen } from './terminal-screen.ts';

/** An answer on its way to the screen. */
interface Answer {
  kind: 'answer';
  replyId: string | undefined;
  name: string;
  /** On the screen. */
  shown: string;
  /** Came, and is not on the screen yet. */
  waiting: string;
  /** All of it, once it is known. */
  whole: string | undefined;
  isWithdrawn: boolean;
  isQueued: boolean;
  /** It has the last line of the screen. */
  isOpen: boolean;
  /** Line breaks that are printed when something follows them. */
  breaks: number;
}
type Entry = Answer | { kind: 'note'; text: string };

/** Longer ones are shown when they are whole. */
const maxPiecesChars = 4_000_000;
/** Answers that were begun and not ended; the pieces of older ones are forgotten. */
const maxBegun = 1_000;

/**
 * Sees to it that answers do not run into each other: what is being shown goes on, the rest waits its turn. An answer that says nothing for `holdMs` while others wait is set
 * aside, and goes on under its name when there is more of it.
 *
 * Lines after the first are indented, so that nothing that an agent says can be taken for what another one says.
 */
export class AnswerOrder {
  readonly #screen: TerminalScreen;
  readonly #clock: Clock;
  readonly #holdMs: number;
  /** By reply id, those that were begun and have not ended. */
  readonly #begun = new Map<string, Answer>();
  readonly #queue: Entry[] = [];
  #hold: Timer | undefined;
  #lastPieceAt = 0;

  constructor(deps: { screen: TerminalScreen; clock: Clock }, options: { holdMs: number }) {
    this.#screen = deps.screen;
    this.#clock = deps.clock;
    this.#holdMs = options.holdMs;
  }

  piece(replyId: string, name: string, text: string): void {
    const answer = this.#answerOf(replyId, name);
    if (answer.shown.length + answer.waiting.length > maxPiecesChars) return;
    answer.waiting += text;
    if (this.#queue[0] === answer) this.#lastPieceAt = this.#clock.monotonic();
    this.#enqueue(answer);
  }

  answer(replyId: string | undefined, name: string, text: string): void {
    const answer = this.#answerOf(replyId, name);
    answer.whole = text;
    if (replyId !== undefined) this.#begun.delete(replyId);
    this.#enqueue(answer);
  }

  /** What was shown of an answer is void. */
  withdraw(replyId: string): void {
    const answer = this.#begun.get(replyId);
    if (answer === undefined) return;
    this.#begun.delete(replyId);
    answer.isWithdrawn = true;
    answer.waiting = '';
    if (answer.shown !== '' || answer.isQueued) this.#enqueue(answer);
  }

  /** A line of its own. */
  note(text: string): void {
    this.#queue.push({ kind: 'note', text });
    this.#show();
  }

  close(): void {
    this.#hold?.cancel();
  }

  #answerOf(replyId: string | undefined, name: string): Answer {
    const known = replyId === undefined ? undefined : this.#begun.get(replyId);
    if (known !== undefined) return known;
    const answer: Answer = { kind: 'answer', replyId, name, shown: '', waiting: '', whole: undefined, isWithdrawn: false, isQueued: false, isOpen: false, breaks: 0 };
    if (replyId === undefined) return answer;
    this.#begun.set(replyId, answer);
    const [oldest] = this.#begun;
    if (this.#begun.size > maxBegun && oldest !== undefined) this.#begun.delete(oldest[0]);
    return answer;
  }

  #enqueue(answer: Answer): void {
    if (!answer.isQueued) {
      answer.isQueued = true;
      this.#queue.push(answer);
    }
    this.#show();
  }

  /** Prints as far as it can be printed now. */
  #show(): void {
    for (let entry = this.#queue[0]; entry !== undefined; entry = this.#queue[0]) {
      if (entry.kind === 'note') {
        this.#screen.print(`\u00b7 ${entry.text}`, 'note');
        this.#screen.print('\n');
      } else if (!this.#showAnswer(entry)) {
        this.#armHold();
        return;
      }
      this.#queue.shift();
    }
    this.#hold?.cancel();
    this.#hold = undefined;
    this.#screen.prompt();
  }

  /** @returns whether it has ended */
  #showAnswer(answer: Answer): boolean {
    if (answer.isWithdrawn) {
      if (answer.shown !== '') this.#end(answer, `\u00b7 ${answer.name} takes that back`);
      return true;
    }
    const { whole } = answer;
    if (whole === undefined) {
      // Half of a character waits for the other half.
      const isCut = /[\ud800-\udbff]$/.test(answer.waiting);
      this.#write(answer, isCut ? answer.waiting.slice(0, -1) : answer.waiting);
      answer.waiting = isCut ? answer.waiting.slice(-1) : '';
      return false;
    }
    if (!whole.startsWith(answer.shown)) {
      // Pieces were left out on the way, or an earlier attempt said something else.
      this.#end(answer, `\u00b7 ${answer.name} in full:`);
      answer.shown = '';
    }
    this.#write(answer, whole.slice(answer.shown.length));
    if (answer.shown === '') this.#open(answer);
    this.#end(answer);
    return true;
  }

  #write(answer: Answer, text: string): void {
    if (text === '') return;
    this.#open(answer);
    answer.shown += text;
    let printed = '';
    for (const [index, line] of plainText(text).split('\n').entries()) {
      if (index > 0) answer.breaks += 1;
      if (line === '') continue;
      printed += answer.breaks === 0 ? line : `${'\n'.repeat(answer.breaks)}  ${line}`;
      answer.breaks = 0;
    }
    if (printed !== '') this.#screen.print(printed);
  }

  #open(answer: Answer): void {
    if (answer.isOpen) return;
    answer.isOpen = true;
    answer.breaks = 0;
    this.#lastPieceAt = this.#clock.monotonic();
    this.#screen.print(`${answer.name}:`, 'name');
    this.#screen.print(' ');
  }

  /** Leaves the line of an answer. */
  #end(answer: Answer, note?: string): void {
    if (answer.isOpen) this.#screen.print('\n');
    answer.isOpen = false;
    if (note === undefined) return;
    this.#screen.print(note, 'note');
    this.#screen.print('\n');
  }

  #armHold(): void {
    if (this.#hold !== undefined || this.#queue.length < 2) return;
    const leftMs = this.#lastPieceAt + this.#holdMs - this.#clock.monotonic();
    this.#hold = this.#clock.setTimer(leftMs, () => {
      this.#hold = undefined;
      if (this.#clock.monotonic() - this.#lastPieceAt >= this.#holdMs) this.#setAside();
      this.#show();
    }, { keepAlive: false });
  }

  #setAside(): void {
    const [first] = this.#queue;
    if (first?.kind !== 'answer' || first.whole !== undefined) return;
    this.#queue.shift();
    first.isQueued = false;
    if (first.isOpen) this.#screen.print(' \u2026');
    this.#end(first);
  }
}
