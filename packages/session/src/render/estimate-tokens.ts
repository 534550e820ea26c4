/** Tokens of a text, rather too many than too few: a quarter of the ASCII characters and each other one. Models count differently; pass their counter where it matters. */
export function estimateTokens(text: string): number {
  let ascii = 0;
  let others = 0;
  for (const character of text) {
    if ((character.codePointAt(0) ?? 0) < 128) ascii += 1;
    else others += 1;
  }
  return Math.ceil(ascii / 4) + others;
}
