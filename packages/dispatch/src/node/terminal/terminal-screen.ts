import { clearScreenDown, cursorTo, moveCursor, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

import { ChannelError } from '../../errors.ts';

/** What a screen is written to: `process.stdout` fits. */
export interface TerminalOutput extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
}

export type Style = 'name' | 'note';

const codes: Record<Style, string> = { name: '\u001b[1;36m', note: '\u001b[2m' };

/**
 * The output, and the prompt at its end where there is one.
 *
 * States: prompting (what is typed is shown) ⇄ printing (it is kept back until the prompt returns); a line that is typed to its end ends prompting. It has ended when the output is closed or fails.
 */
export class TerminalScreen {
  /** Where readline shows what is typed. */
  readonly echo: Writable;
  readonly isTty: boolean;
  readonly #output: TerminalOutput;
  readonly #isColoured: boolean;
  #interface: Interface | undefined;
  #isPrompting = false;
  #failure: Error | undefined;

  constructor(output: TerminalOutput, options: { noColor: boolean }) {
    this.#output = output;
    this.isTty = output.isTTY === true;
    this.#isColoured = this.isTty && !options.noColor;
    this.echo = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#isPrompting) output.write(chunk);
        done();
      },
    });
    Object.defineProperty(this.echo, 'columns', { get: () => output.columns });
    output.on('resize', () => this.echo.emit('resize'));
    output.on('error', (error: Error) => (this.#failure ??= error));
    output.on('close', () => (this.#failure ??= new Error('it was closed')));
  }

  /** @throws ChannelError when nobody can see any more what is printed */
  assertOpen(): void {
    if (this.#failure !== undefined || !this.#output.writable) throw new ChannelError('the terminal takes nothing more', { cause: this.#failure });
  }

  /** Shows the prompt of this interface whenever nothing is being printed. */
  attach(readline: Interface): void {
    this.#interface = readline;
    readline.on('line', () => (this.#isPrompting = false));
    this.prompt();
  }

  detach(): void {
    this.#hidePrompt();
    this.#interface = undefined;
  }

  /** @param style - for the whole text; what is printed must be plain already */
  print(text: string, style?: Style): void {
    this.#hidePrompt();
    this.#output.write(style !== undefined && this.#isColoured ? `${codes[style]}${text}\u001b[0m` : text);
  }

  /** Shows the prompt, with what was typed meanwhile. To be called at the beginning of a line. */
  prompt(): void {
    if (!this.isTty || this.#isPrompting || this.#interface === undefined || this.#failure !== undefined) return;
    this.#isPrompting = true;
    // Readline would go up over the rows that the prompt took before something was printed below it.
    Object.assign(this.#interface, { prevRows: 0 });
    this.#interface.prompt(true);
  }

  /** Resolves when the output takes more. */
  async ready(): Promise<void> {
    const output = this.#output as Partial<Writable>;
    if (output.writableNeedDrain !== true || this.#failure !== undefined) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        for (const event of ['drain', 'close', 'error']) this.#output.removeListener(event, end);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) this.#output.on(event, end);
    });
  }

  #hidePrompt(): void {
    if (!this.#isPrompting) return;
    this.#isPrompting = false;
    const { rows } = this.#interface?.getCursorPos() ?? { rows: 0 };
    moveCursor(this.#output, 0, -rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }
}
