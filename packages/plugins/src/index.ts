export type { OnUnknown, Tool, ToolCallContext, ToolResult, ToolSource } from './tool.ts';
export { errorResult, functionTool, toolSource, type FunctionTool, type FunctionToolOutput } from './function-tool.ts';
export { validateArguments, type ArgumentIssue, type ArgumentsResult } from './validate-arguments.ts';
export { capResult } from './cap-result.ts';
export { assertToolName, serverToolName } from './tool-name.ts';
export { ToolAbortedError, ToolOutcomeUnknownError, ToolSchemaInvalidError, ToolSourceError, ToolTimeoutError } from './errors.ts';
export { ActionTier } from './action-tier.ts';
export type { ActionCall, PluginActionInfo, PluginResult, PluginSetupContext, RateLimit, ServicePlugin } from './protocol/service-plugin.ts';
export { PluginHealthStatus, type PluginHealthReport } from './protocol/plugin-health.ts';
export type { CredentialBroker } from './protocol/credential-broker.ts';
export { createPluginRegistry, type PluginInfo, type PluginRegistry, type PluginRegistryDeps, type RegisterOptions } from './registry/plugin-registry.ts';
export type { PluginView } from './registry/plugin-view.ts';
export { ActionPolicy, PluginRegistryOptions } from './registry/registry-options.ts';
export type { RegisteredAction } from './registry/registered-action.ts';
export type { PluginState } from './registry/plugin-slot.ts';
export type { ExecuteOptions } from './registry/run-action.ts';
export { toolSourcePlugin, type ToolSourcePluginOptions } from './registry/tool-source-plugin.ts';
export { ApprovalStatus, type ApprovalRequest } from './ledger/approval-request.ts';
export type { Decision } from './ledger/action-ledger.ts';
export { discoverPlugins, DiscoverOptions, type DiscoveredPlugin } from './discovery/discover-plugins.ts';
export { environmentCredentials } from './credentials/environment-credentials.ts';
export { operatorTokens, type Operator, type OperatorAuthority } from './credentials/operator-tokens.ts';
export {
  CredentialNotFoundError,
  PluginActionError,
  PluginActionNotFoundError,
  PluginAuthError,
  PluginBusyError,
  PluginCallConflictError,
  PluginError,
  PluginExistsError,
  PluginInvalidError,
  PluginNotFoundError,
  PluginRateLimitError,
  PluginSetupError,
  PluginUnloadedError,
  PluginValidationError,
  type PluginValidationIssue,
} from './protocol/plugin-errors.ts';
export { ApprovalClosedError, ApprovalNotFoundError, OperatorRequiredError, PluginApprovalExpiredError, PluginApprovalPendingError, PluginDeniedError } from './protocol/approval-errors.ts';
