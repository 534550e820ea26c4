import { effectsProjection, type EffectsState, type Projection } from '@cortex-runtime/journal';

import { contextProjection, type ContextState } from '../context/context-projection.ts';
import { conversationProjection, type ConversationState } from '../conversation/conversation-projection.ts';
import { lifecycleProjection, type LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import { mailboxProjection, type MailboxState } from '../mailbox/mailbox-projection.ts';
import { repliesProjection, type RepliesState } from '../replies/replies-projection.ts';
import { countersProjection, type CountersState } from './counters-projection.ts';
import { deploymentProjection, type DeploymentState } from './deployment-projection.ts';

/** The state of a process: one fold a part, and nothing besides. */
export interface ProcessStates {
  deployment: DeploymentState;
  lifecycle: LifecycleState;
  mailbox: MailboxState;
  conversation: ConversationState;
  context: ContextState;
  counters: CountersState;
  effects: EffectsState;
  replies: RepliesState;
}

export type ProcessProjections = { [K in keyof ProcessStates]: Projection<ProcessStates[K]> };

/** A process that is removed leaves its journal; one that is added later under its id begins anew. */
function endingWithRemoval<S>(projection: Projection<S>): Projection<S> {
  return { ...projection, apply: (state, entry) => (entry.entryType === 'process_removed' ? projection.initial() : projection.apply(state, entry)) };
}

/** The parts of a process's state, each a fold of its journal. */
export const processProjections: ProcessProjections = {
  deployment: endingWithRemoval(deploymentProjection),
  lifecycle: endingWithRemoval(lifecycleProjection),
  mailbox: endingWithRemoval(mailboxProjection),
  conversation: endingWithRemoval(conversationProjection),
  context: endingWithRemoval(contextProjection),
  counters: endingWithRemoval(countersProjection),
  effects: endingWithRemoval(effectsProjection),
  replies: endingWithRemoval(repliesProjection),
};
