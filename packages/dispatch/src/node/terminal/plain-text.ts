/** Control characters, and what turns the direction of writing: they move the cursor, colour, overwrite, or make a text look like another one. */
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text that a terminal shows and does nothing else with. Line breaks and tabs stay; other control characters become pictures of themselves, so an escape sequence is seen instead
 * of obeyed. Each character is looked at alone: it makes no difference where a text is cut into pieces.
 */
export function plainText(text: string): string {
  return text.toWellFormed().replaceAll(unsafe, (character) => {
    const code = character.charCodeAt(0);
    if (character === '\n' || character === '\t') return character;
    if (character === '\r') return '';
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    return code === 0x2028 || code === 0x2029 ? ' ' : '\ufffd';
  });
}

/** The same on one line of at most `maxChars` characters. */
export function plainLine(text: string, maxChars: number): string {
  const line = plainText(text.slice(0, 4 * maxChars)).replaceAll(/\s+/g, ' ').trim();
  return line.length <= maxChars ? line : `${line.slice(0, maxChars - 1).toWellFormed()}\u2026`;
}
