import { z } from 'zod';

/** pending: a person is asked. approved, denied: a person has answered. used: the approved call has begun. expired: nobody answered, or nothing was done with the answer, in time. */
export const ApprovalStatus = z.enum(['pending', 'approved', 'denied', 'used', 'expired']);
export type ApprovalStatus = z.output<typeof ApprovalStatus>;

/** A call that a person has to approve, with exactly these parameters. Instants are ISO 8601. */
export const ApprovalReply = z.looseObject({
  id: z.string(),
  status: ApprovalStatus,
  plugin: z.string(),
  action: z.string(),
  /** What the plugin says of the action. */
  description: z.string().default(''),
  params: z.record(z.string(), z.unknown()),
  /** The agent, or whoever else called. */
  requestedBy: z.string(),
  requestedAt: z.string(),
  expiresAt: z.string(),
  decidedBy: z.string().optional(),
  decidedAt: z.string().optional(),
  reason: z.string().optional(),
});
export type ApprovalReply = z.output<typeof ApprovalReply>;

/** Query of `GET /approvals`. */
export const ApprovalsRequest = z.strictObject({ status: ApprovalStatus.optional() });
export type ApprovalsRequest = z.input<typeof ApprovalsRequest>;

/** `GET /approvals`: oldest first. */
export const ApprovalList = z.looseObject({ approvals: z.array(ApprovalReply), count: z.int() });
export type ApprovalList = z.output<typeof ApprovalList>;

/** `POST /approvals/{id}/approve` and `/deny`. */
export const DecisionRequest = z.strictObject({
  /** Told to the agent when it is denied. */
  reason: z.string().min(1).max(2_000).optional(),
  /** Who decides; kept in the journal. */
  by: z.string().min(1).max(200).optional(),
});
export type DecisionRequest = z.input<typeof DecisionRequest>;
