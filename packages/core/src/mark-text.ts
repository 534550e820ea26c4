/** Everything that some reader takes for the end of a line. */
const lineBreaks = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;

/** Text from outside for a prompt, each of its lines behind a mark, so that none can pass for a heading of ours. */
export function markText(text: string): string {
  return text.split(lineBreaks).map((line) => `| ${line}`).join('\n');
}

/** A name from outside on one line, quoted: what it holds can not end the quotes. At most 80 characters of it. */
export function quoteName(name: string): string {
  const plain = name.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return JSON.stringify(plain.length > 80 ? `${plain.slice(0, 79).replace(/[\ud800-\udbff]$/, '')}\u2026` : plain);
}
