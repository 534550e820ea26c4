import { splitWords } from '@cortex-runtime/memory';

import type { Summarizer, SummaryRequest } from './summarizer.ts';

interface Candidate {
  line: string;
  words: string[];
  /** Place in the conversation. */
  place: number;
}

const longestSentence = 300;

/**
 * A summary of sentences that were said: those whose words come up most, in the order in which they were said, each with who said it. Lines of the previous summary
 * compete with the new sentences. Deterministic; needs no model.
 */
export function extractSummary({ previous = '', messages, maxChars }: SummaryRequest): string {
  const candidates = candidatesOf(previous, messages);
  const counts = new Map<string, number>();
  for (const { words } of candidates) for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
  // A word that is in nearly every sentence tells nothing, one that is in one sentence is not what the talk was about.
  const weight = (word: string) => {
    const count = counts.get(word) ?? 0;
    return word.length < 3 || count < 2 ? 0.2 : Math.log(1 + count) * Math.log(1 + candidates.length / count);
  };
  const ranked = candidates
    .map((candidate) => ({ ...candidate, score: [...new Set(candidate.words)].reduce((sum, word) => sum + weight(word), 0) / Math.sqrt(4 + candidate.words.length) }))
    .sort((a, b) => b.score - a.score || a.place - b.place);
  const chosen: Candidate[] = [];
  const seen = new Set<string>();
  let length = 0;
  for (const candidate of ranked) {
    const key = [...new Set(candidate.words)].sort().join(' ');
    if (seen.has(key) || length + candidate.line.length + 1 > maxChars) continue;
    seen.add(key);
    chosen.push(candidate);
    length += candidate.line.length + 1;
  }
  return chosen.sort((a, b) => a.place - b.place).map(({ line }) => line).join('\n');
}

/** Summaries without a model. */
export const extractiveSummarizer: Summarizer = { summarize: async (request) => ({ text: extractSummary(request), madeBy: 'extraction' }) };

function candidatesOf(previous: string, messages: SummaryRequest['messages']): Candidate[] {
  const sentences = new Intl.Segmenter('und', { granularity: 'sentence' });
  const lines = previous.split('\n').filter((line) => line.trim() !== '');
  const candidates = lines.map((line, index) => ({ line, words: splitWords(line), place: index }));
  for (const { sender, senderId, text } of messages) {
    const name = (sender === '' ? senderId : sender).replaceAll(/\s+/g, ' ').slice(0, 60);
    for (const { segment } of sentences.segment(text.slice(0, 20_000))) {
      const sentence = segment.replaceAll(/\s+/g, ' ').trim();
      const words = splitWords(sentence);
      if (words.length === 0) continue;
      const shown = sentence.length > longestSentence ? `${sentence.slice(0, longestSentence - 1).replace(/[\ud800-\udbff]$/, '')}\u2026` : sentence;
      candidates.push({ line: `- ${name}: ${shown}`, words, place: candidates.length });
    }
  }
  return candidates;
}
