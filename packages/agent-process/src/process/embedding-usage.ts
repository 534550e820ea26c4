import type { OwnJournalEntry } from '@cortex-runtime/journal';
import type { EmbeddingUsage } from '@cortex-runtime/models';

/** The entry that records what one request for embeddings cost. */
export function embeddingUsageEntry({ modelId, texts, inputTokens, isEstimated, cost }: EmbeddingUsage): OwnJournalEntry {
  return { entryType: 'embedding_usage', data: { model: modelId, texts, input_tokens: inputTokens, is_estimated: isEstimated, cost: cost ?? null } };
}
