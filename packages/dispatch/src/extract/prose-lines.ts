/** A line of a text, and whether it is prose: not within a fenced block of code, and not indented as code. */
export interface ProseLine {
  readonly line: string;
  readonly isProse: boolean;
}

/** A fence of Markdown: three or more of one kind, up to three spaces in. */
const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/;

/**
 * The lines of a text one by one, in time that grows with its length.
 *
 * A block that is never closed counts as code to the end: what an agent quoted is not what it says.
 */
export function* proseLines(text: string): Generator<ProseLine> {
  let open: { mark: string; length: number } | undefined;
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '');
    start = end === -1 ? text.length + 1 : end + 1;
    const [, marks = '', after = ''] = fence.exec(line.slice(0, 200)) ?? [];
    const mark = marks.charAt(0);
    if (open === undefined) {
      // A line of backticks with a backtick behind it is code within a line.
      const opens = marks !== '' && !(mark === '`' && after.includes('`'));
      if (opens) open = { mark, length: marks.length };
      yield { line, isProse: !opens };
    } else {
      if (mark === open.mark && marks.length >= open.length && after.trim() === '') open = undefined;
      yield { line, isProse: false };
    }
  }
}
