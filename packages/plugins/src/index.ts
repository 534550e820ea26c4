export type { OnUnknown, Tool, ToolCallContext, ToolResult, ToolSource } from './tool.ts';
export { errorResult, functionTool, toolSource, type FunctionTool, type FunctionToolOutput } from './function-tool.ts';
export { validateArguments, type ArgumentsResult } from './validate-arguments.ts';
export { capResult } from './cap-result.ts';
export { assertToolName, serverToolName } from './tool-name.ts';
export { ToolAbortedError, ToolOutcomeUnknownError, ToolSchemaInvalidError, ToolSourceError, ToolTimeoutError } from './errors.ts';
