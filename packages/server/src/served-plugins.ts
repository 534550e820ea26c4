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
  /**
   * Carries out an action for an operator, also one of the ADMIN tier; a call with a key that was used before is served what was recorded.
   *
   * @param id - of a plugin, as `list` names it
   * @throws errors with the codes of the plugins package: PLUGIN_NOT_FOUND, PLUGIN_ACTION_NOT_FOUND, PLUGIN_VALIDATION, PLUGIN_APPROVAL_PENDING, …
   */
  run(id: string, action: string, call: { params: object; by: string; idempotencyKey?: string; signal?: AbortSignal }): Promise<{ readonly success: boolean; readonly data?: unknown; readonly error?: string | undefined }>;
  /** Every plugin with its state, health and actions, in document form. */
  list(): Promise<readonly object[]>;
}
