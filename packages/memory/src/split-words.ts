const wordless = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
let segmenter: Intl.Segmenter | undefined;

/** The words of a text in any script, in lower case; what is written without spaces is cut by the rules of Unicode. */
export function splitWords(text: string): string[] {
  const plain = text.normalize('NFKC').toLowerCase();
  if (!wordless.test(plain)) return plain.split(/[^\p{L}\p{N}\p{M}]+/u).filter((word) => word !== '');
  segmenter ??= new Intl.Segmenter('und', { granularity: 'word' });
  return [...segmenter.segment(plain)].filter(({ isWordLike }) => isWordLike === true).map(({ segment }) => segment);
}
