import { CortexError } from '@cortex-runtime/core';

import { PluginError } from './plugin-errors.ts';

/** The action waits for a person. Nothing was done; the same call goes through once it is approved. */
export class PluginApprovalPendingError extends PluginError {
  readonly code = 'PLUGIN_APPROVAL_PENDING';
  override readonly retryable = true;
  readonly approvalId: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;

  constructor(plugin: string, action: string, approval: { id: string; expiresAt: number }) {
    super(plugin, action, `waits for a person's approval (${approval.id}, until ${new Date(approval.expiresAt).toISOString()}); nothing was done yet; once it is approved, the same call with exactly the same parameters goes through`);
    this.approvalId = approval.id;
    this.expiresAt = approval.expiresAt;
  }
}

/** A person said no. */
export class PluginDeniedError extends PluginError {
  readonly code = 'PLUGIN_ACTION_DENIED';
  readonly approvalId: string;

  constructor(plugin: string, action: string, approval: { id: string; decidedBy?: string | undefined; reason?: string | undefined }) {
    super(plugin, action, `${approval.decidedBy ?? 'a person'} denied it${approval.reason === undefined ? '' : `: ${approval.reason}`} (${approval.id}); nothing was done`);
    this.approvalId = approval.id;
  }
}

/** Nobody answered in time, or the approval was not used in time. Nothing was done; the same call asks again. */
export class PluginApprovalExpiredError extends PluginError {
  readonly code = 'PLUGIN_APPROVAL_EXPIRED';
  override readonly retryable = true;
  readonly approvalId: string;

  constructor(plugin: string, action: string, approval: { id: string; decidedBy?: string | undefined }) {
    super(plugin, action, `${approval.decidedBy === undefined ? 'nobody answered the request for an approval in time' : `the approval of ${approval.decidedBy} was not used in time`} (${approval.id}); nothing was done`);
    this.approvalId = approval.id;
  }
}

/** An action of the ADMIN tier was called without the credential of an operator. Nothing was done. */
export class OperatorRequiredError extends PluginError {
  readonly code = 'PLUGIN_OPERATOR_REQUIRED';

  constructor(plugin: string, action: string, problem = "needs an operator's credential") {
    super(plugin, action, problem);
  }
}

/** There is no approval with this id. */
export class ApprovalNotFoundError extends CortexError {
  readonly code = 'APPROVAL_NOT_FOUND';
  readonly approvalId: string;

  constructor(approvalId: string) {
    super(`there is no approval ${JSON.stringify(approvalId)}`);
    this.approvalId = approvalId;
  }
}

/** The approval was decided, used, or expired before. */
export class ApprovalClosedError extends CortexError {
  readonly code = 'APPROVAL_CLOSED';
  readonly approvalId: string;
  readonly status: string;

  constructor(approvalId: string, status: string) {
    super(`the approval ${approvalId} is ${status} already`);
    this.approvalId = approvalId;
    this.status = status;
  }
}
