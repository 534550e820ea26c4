export { ActionTier } from '../action-tier.ts';
export type { ActionCall, PluginActionInfo, PluginResult, PluginSetupContext, RateLimit, ServicePlugin } from './service-plugin.ts';
export { PluginHealthStatus, type PluginHealthReport } from './plugin-health.ts';
export type { CredentialBroker } from './credential-broker.ts';
export type { OnUnknown } from '../tool.ts';
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
} from './plugin-errors.ts';
export { ApprovalClosedError, ApprovalNotFoundError, OperatorRequiredError, PluginApprovalExpiredError, PluginApprovalPendingError, PluginDeniedError } from './approval-errors.ts';
export { ToolAbortedError, ToolOutcomeUnknownError, ToolSourceError, ToolTimeoutError } from '../errors.ts';
