/** What stands between an agent and an action. */
export const ActionTier = {
  /** An agent may do it without asking. */
  AUTO: 'auto',
  /** A person approves each call, with exactly these parameters, before it runs. */
  CONFIRM: 'confirm',
  /** Only with an operator's credential; agents are not offered it. */
  ADMIN: 'admin',
} as const;
export type ActionTier = (typeof ActionTier)[keyof typeof ActionTier];

/**
 * The tier that counts: the one that was chosen for this action, else the one for all others, else its own. What a plugin keeps for operators is handed out
 * by name only: who wants every call confirmed does not mean to open it to agents.
 */
export function chosenTier(own: ActionTier, forThis: ActionTier | undefined, forOthers: ActionTier | undefined): ActionTier {
  return forThis ?? (own === ActionTier.ADMIN ? own : (forOthers ?? own));
}
