import type { JournalEntry, Projection } from '@cortex-runtime/journal';

import { contextProjection, type ContextState } from '../context/context-projection.ts';
import { conversationProjection, type ConversationState } from '../conversation/conversation-projection.ts';
import { lifecycleProjection, type LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import { mailboxProjection, type MailboxState } from '../mailbox/mailbox-projection.ts';
import { effectsProjection, type EffectsState } from '../run/effects-projection.ts';
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
}

/** The parts of a process's state, each a fold of its journal. */
export const processProjections: { readonly [K in keyof ProcessStates]: Projection<ProcessStates[K]> } = {
  deployment: deploymentProjection,
  lifecycle: lifecycleProjection,
  mailbox: mailboxProjection,
  conversation: conversationProjection,
  context: contextProjection,
  counters: countersProjection,
  effects: effectsProjection,
};

export function initialStates(): ProcessStates {
  return {
    deployment: deploymentProjection.initial(),
    lifecycle: lifecycleProjection.initial(),
    mailbox: mailboxProjection.initial(),
    conversation: conversationProjection.initial(),
    context: contextProjection.initial(),
    counters: countersProjection.initial(),
    effects: effectsProjection.initial(),
  };
}

/** Folds one entry into every part. A process that is removed leaves its journal; one that is added later under its id begins anew. */
export function foldEntry(states: ProcessStates, entry: JournalEntry): ProcessStates {
  if (entry.entryType === 'process_removed') return initialStates();
  states.deployment = deploymentProjection.apply(states.deployment, entry);
  states.lifecycle = lifecycleProjection.apply(states.lifecycle, entry);
  states.mailbox = mailboxProjection.apply(states.mailbox, entry);
  states.conversation = conversationProjection.apply(states.conversation, entry);
  states.context = contextProjection.apply(states.context, entry);
  states.counters = countersProjection.apply(states.counters, entry);
  states.effects = effectsProjection.apply(states.effects, entry);
  return states;
}
