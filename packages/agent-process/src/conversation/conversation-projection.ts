import type { Projection } from '@cortex-runtime/journal';

import type { ConversationMessage } from './conversation-buffer.ts';

export interface ConversationState {
  /** 0 is unlimited. */
  max_messages: number;
  messages: ConversationMessage[];
}

/** The conversation as a fold of the results of runs. */
export const conversationProjection: Projection<ConversationState> = {
  name: 'conversation',
  initial: () => ({ max_messages: 100, messages: [] }),
  apply(state, entry) {
    switch (entry.entryType) {
      case 'process_deployed': {
        const { config } = entry.data as { config: { context?: { conversation_max_messages?: number } } };
        state.max_messages = config.context?.conversation_max_messages ?? 100;
        break;
      }
      case 'conversation_cleared':
        state.messages = [];
        break;
      case 'invocation_result':
        state.messages.push(...((entry.data as unknown as { messages?: ConversationMessage[] }).messages ?? []));
        break;
      default:
        return state;
    }
    if (state.max_messages > 0 && state.messages.length > state.max_messages) state.messages.splice(0, state.messages.length - state.max_messages);
    return state;
  },
};
