import { parseDocument, type JsonObject } from '@cortex-runtime/core';

import type { ChannelMessage } from '../../channel/channel-message.ts';
import { HttpMessageRequest } from './http-contract.ts';

/**
 * The message in the body of a request.
 *
 * @param newId - of a message that has none
 * @throws DocumentError naming each field that does not fit
 */
export function readMessage(body: unknown, place: { channel: string; roomId: string }, newId: () => string): ChannelMessage {
  const { text, senderId, sender, messageId, threadId, mentions, domain, priority, dmTarget, attachments } = parseDocument(HttpMessageRequest, body, 'the message');
  const metadata: JsonObject = {
    ...(mentions === undefined ? {} : { mentions }),
    ...(domain === undefined ? {} : { domain }),
    ...(dmTarget === undefined ? {} : { dm_target: dmTarget }),
  };
  return { ...place, id: messageId ?? newId(), text, threadId, senderId, sender, attachments, metadata, ...(priority === undefined ? {} : { priority }) };
}
