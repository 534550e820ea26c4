/** What stands between the two kept parts of a long result. */
const marker = (dropped: number, total: number) => `\n\n[… ${dropped} of ${total} characters left out …]\n\n`;

/**
 * `text` with at most `maxChars` characters. Of a longer one the beginning and a quarter from the end are kept, with a line in between that
 * says how much is missing; a surrogate pair is never torn.
 */
export function capResult(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const space = maxChars - marker(text.length, text.length).length;
  if (space <= 0) return cutAt(text, maxChars);
  const tailLength = Math.floor(space / 4);
  const head = cutAt(text, space - tailLength);
  const tailStart = text.length - tailLength;
  const tail = text.slice(isLowSurrogate(text.charCodeAt(tailStart)) ? tailStart + 1 : tailStart);
  return `${head}${marker(text.length - head.length - tail.length, text.length)}${tail}`;
}

function cutAt(text: string, length: number): string {
  const end = Math.max(0, length);
  return text.slice(0, isLowSurrogate(text.charCodeAt(end)) ? Math.max(0, end - 1) : end);
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
