export type { ModelChunk, ModelFinishReason, ModelMessage, ModelProvider, ModelRequest, ModelTool, ModelToolCall, ModelUsage } from './model-provider.ts';
