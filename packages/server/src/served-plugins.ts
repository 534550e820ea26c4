/** A call that a person has to approve, as the registry of plugins keeps it. Instants are milliseconds since the Unix epoch. */
export interface ServedApproval {
  readonly id: string;
  readonly status: string;
  readonly plugin: string;
  readonly action: string;
  readonly description: string;
  readonly params: object;
  readonly requestedBy: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly decidedBy?: string | undefined;
  readonly decidedAt?: number | undefined;
  readonly reason?: string | undefined;
}

/** What the HTTP API needs of the plugins of a host; errors carry the codes APPROVAL_NOT_FOUND and APPROVAL_CLOSED. */
export interface ServedPlugins {
  /** Oldest first. */
  approvals(status?: 'pending' | 'approved' | 'denied' | 'used' | 'expired'): Promise<readonly ServedApproval[]>;
  approval(id: string): Promise<ServedApproval>;
  /** Resolves when the decision is durable. */
  approve(id: string, decision: { by: string; reason?: string }): Promise<ServedApproval>;
  deny(id: string, decision: { by: string; reason?: string }): Promise<ServedApproval>;
  /** Every plugin with its state, health and actions, in document form. */
  list(): Promise<readonly object[]>;
}
