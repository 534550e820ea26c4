import type { SessionMessage } from '../session.ts';

export interface SummaryRequest {
  /** What was summed up before; the new summary takes its place. */
  previous?: string;
  messages: readonly SessionMessage[];
  maxChars: number;
  signal?: AbortSignal;
}

export interface Summary {
  text: string;
  madeBy: 'model' | 'extraction';
}

/** Makes the warm summary. */
export interface Summarizer {
  summarize(request: SummaryRequest): Promise<Summary>;
}
