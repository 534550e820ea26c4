import type { JsonObject } from '@cortex-runtime/core';

/** `pending` → `approved` → `used`; `pending` → `denied`; a pending or approved one becomes `expired`. */
export const ApprovalStatus = { PENDING: 'pending', APPROVED: 'approved', DENIED: 'denied', USED: 'used', EXPIRED: 'expired' } as const;
export type ApprovalStatus = (typeof ApprovalStatus)[keyof typeof ApprovalStatus];

/** A call that a person has to approve, with exactly these parameters, for exactly this action of this version of the plugin. */
export interface ApprovalRequest {
  readonly id: string;
  readonly plugin: string;
  readonly action: string;
  readonly description: string;
  readonly params: JsonObject;
  /** SHA-256 of the requester, the plugin's version, the action as the plugin describes it, and the parameters. */
  readonly binding: string;
  readonly requestedBy: string;
  /** Milliseconds since the Unix epoch, as the other instants. */
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly status: ApprovalStatus;
  readonly decidedBy?: string | undefined;
  readonly decidedAt?: number | undefined;
  readonly reason?: string | undefined;
}
