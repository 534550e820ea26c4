import type { InvalidToolCall, ModelChunk, ModelToolCall } from '../model-provider.ts';

/** A whole answer. */
export interface CollectedAnswer {
  text: string;
  toolCalls: ModelToolCall[];
  invalidToolCalls: InvalidToolCall[];
  finish: Extract<ModelChunk, { type: 'finish' }> | undefined;
  chunks: ModelChunk[];
}

/** Reads a stream to its end. */
export async function collectAnswer(stream: AsyncIterable<ModelChunk>): Promise<CollectedAnswer> {
  const answer: CollectedAnswer = { text: '', toolCalls: [], invalidToolCalls: [], finish: undefined, chunks: [] };
  for await (const chunk of stream) {
    answer.chunks.push(chunk);
    if (chunk.type === 'text') answer.text += chunk.text;
    else if (chunk.type === 'tool_call') answer.toolCalls.push(chunk.toolCall);
    else if (chunk.type === 'invalid_tool_call') answer.invalidToolCalls.push(chunk.toolCall);
    else answer.finish = chunk;
  }
  return answer;
}
