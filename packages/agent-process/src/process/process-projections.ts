import type { Projection } from '@cortex-runtime/journal';

import { contextProjection, type ContextState } from '../context/context-projection.ts';
import { conversationProjection, type ConversationState } from '../conversation/conversation-projection.ts';
import { lifecycleProjection, type LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import { mailboxProjection, type MailboxState } from '../mailbox/mailbox-projection.ts';
import { countersProjection, type CountersState } from './counters-projection.ts';
import { deploymentProjection, type DeploymentState } from './deployment-projection.ts';

/** The parts of a process's state, each a fold of its journal. */
export interface ProcessProjections {
  deployment: Projection<DeploymentState>;
  lifecycle: Projection<LifecycleState>;
  mailbox: Projection<MailboxState>;
  conversation: Projection<ConversationState>;
  context: Projection<ContextState>;
  counters: Projection<CountersState>;
}

/** A process that is removed leaves its journal; one that is added later under its name begins anew. */
function endingWithRemoval<S>(projection: Projection<S>): Projection<S> {
  return {
    name: projection.name,
    initial: () => projection.initial(),
    apply: (state, entry) => (entry.entryType === 'process_removed' ? projection.initial() : projection.apply(state, entry)),
  };
}

export const processProjections: ProcessProjections = {
  deployment: endingWithRemoval(deploymentProjection),
  lifecycle: endingWithRemoval(lifecycleProjection),
  mailbox: endingWithRemoval(mailboxProjection),
  conversation: endingWithRemoval(conversationProjection),
  context: endingWithRemoval(contextProjection),
  counters: endingWithRemoval(countersProjection),
};
