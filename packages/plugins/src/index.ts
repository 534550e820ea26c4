export type { OnUnknown, Tool, ToolCallContext, ToolResult, ToolSource } from './tool.ts';
