import { StreamChunkKind, type StreamChunk } from '@cortex-runtime/core';

import { AgentFailedError } from '../errors.ts';

/** What an agent has said in the end. */
export interface Answer {
  text: string;
  /** Of the `complete` chunk. */
  usage: Readonly<Record<string, unknown>>;
  /** Its own word that it failed; the text is then as far as it came. */
  failure: AgentFailedError | undefined;
}

/**
 * Longer answers are cut: a loop that prints for ever must not take the process with it. An outcome becomes JSON within JSON; even one of nothing but control characters then
 * fits into an entry of the journal (16 MiB).
 */
const maxAnswerChars = 1_000_000;

/**
 * Reads an answer to its end.
 *
 * @param onChunk - told of each chunk as it comes
 * @param answer - filled as it comes, so that what there is when it is cut off is known
 */
export async function collectAnswer(chunks: AsyncIterator<StreamChunk>, answer: Answer, onChunk: (chunk: StreamChunk) => void): Promise<void> {
  for (;;) {
    const { done, value: chunk } = await chunks.next();
    if (done === true) return;
    switch (chunk.kind) {
      case StreamChunkKind.OUTPUT:
        if (answer.text.length < maxAnswerChars) answer.text += (chunk.data ?? '').slice(0, maxAnswerChars - answer.text.length);
        break;
      case StreamChunkKind.COMPLETE:
        answer.usage = chunk.metadata ?? {};
        break;
      case StreamChunkKind.ERROR:
        answer.failure = new AgentFailedError(chunk.data === undefined || chunk.data === '' ? 'the agent failed and did not say why' : chunk.data, { retryable: chunk.metadata?.['retryable'] === true });
        break;
      default: // tools are shown, and are not part of the answer
    }
    onChunk(chunk);
  }
}

export function newAnswer(): Answer {
  return { text: '', usage: {}, failure: undefined };
}
