import { Domain, type JsonObject } from '@cortex-runtime/core';

import type { TaskPayload } from '../task/task-payload.ts';

/**
 * A task as an agent's event: what it is shown. Its conversation is told as the session package reads it, where there is one; sessions know the departments, what belongs
 * to none of them is general.
 */
export function taskEvent(payload: TaskPayload): JsonObject {
  const { taskId, text, sender, senderId, messageId, threadId, domain, priority, attachments, threadContext, metadata } = payload;
  const channel = metadata['channel'];
  const isConversation = typeof channel === 'string' && channel !== '' && (sender !== '' || senderId !== '') && text !== '';
  const department = departmentOf(domain);
  return {
    task_id: taskId,
    text,
    ...(isConversation ? { channel, message_id: messageId, thread_id: threadId } : {}),
    sender,
    sender_id: senderId,
    domain: department,
    ...(department === domain ? {} : { task_domain: domain }),
    ...(priority === 'normal' ? {} : { priority }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(threadContext.length === 0 ? {} : { thread_context: threadContext }),
  };
}

function departmentOf(domain: string): string {
  try {
    return Domain.parse(domain).department;
  } catch {
    return 'general';
  }
}
