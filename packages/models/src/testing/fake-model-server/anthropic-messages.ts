import type { ModelMessage } from '../../model-provider.ts';
import { argumentsObject, contentText, pieces, records, type WireEvent, type WireProtocol } from './fake-model-call.ts';

const stopReasons = { stop: 'end_turn', tool_calls: 'tool_use', length: 'max_tokens', content_filter: 'refusal', other: 'pause_turn' } as const;

/** @see https://docs.anthropic.com/en/api/messages-streaming */
export const anthropicMessages: WireProtocol = {
  name: 'anthropic-messages',
  matches: (path) => path.endsWith('/messages'),
  read(body) {
    const names = new Map<string, string>();
    const messages: ModelMessage[] = [];
    const system = contentText(body['system']);
    if (system !== '') messages.push({ role: 'system', content: system });
    for (const message of records(body['messages'])) {
      const parts = typeof message['content'] === 'string' ? [{ type: 'text', text: message['content'] }] : records(message['content']);
      const text = contentText(parts.filter((part) => part['type'] === 'text'));
      if (message['role'] === 'assistant') {
        const toolCalls = parts.filter((part) => part['type'] === 'tool_use').map((part) => {
          names.set(String(part['id']), String(part['name']));
          return { id: String(part['id']), name: String(part['name']), arguments: argumentsObject(part['input']) };
        });
        messages.push({ role: 'assistant', content: text, ...(toolCalls.length > 0 ? { toolCalls } : {}) });
        continue;
      }
      for (const part of parts.filter((each) => each['type'] === 'tool_result')) {
        const id = String(part['tool_use_id']);
        messages.push({ role: 'tool', toolCallId: id, toolName: names.get(id) ?? '', content: contentText(part['content']), isError: part['is_error'] === true });
      }
      if (text !== '') messages.push({ role: 'user', content: text });
    }
    return { model: String(body['model']), messages, tools: records(body['tools']).map((tool) => String(tool['name'])) };
  },
  events(reply, model, number) {
    const event = (type: string, rest: object): WireEvent => ({ event: type, data: { type, ...rest } });
    const fresh = reply.usage.inputTokens - reply.usage.cachedInputTokens;
    const textIndex = reply.text === '' ? 0 : 1;
    return [
      event('message_start', {
        message: { id: `msg_${number}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: fresh, cache_read_input_tokens: reply.usage.cachedInputTokens, cache_creation_input_tokens: 0, output_tokens: 1 } },
      }),
      ...(reply.text === '' ? [] : [
        event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
        ...pieces(reply.text).map((text) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
        event('content_block_stop', { index: 0 }),
      ]),
      ...reply.toolCalls.flatMap((call, position) => {
        const index = textIndex + position;
        return [
          event('content_block_start', { index, content_block: { type: 'tool_use', id: call.id, name: call.name, input: {} } }),
          ...pieces(call.arguments).map((partial_json) => event('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } })),
          event('content_block_stop', { index }),
        ];
      }),
      event('message_delta', { delta: { stop_reason: stopReasons[reply.finish], stop_sequence: null }, usage: { output_tokens: reply.usage.outputTokens } }),
      event('message_stop', {}),
    ];
  },
  errorBody: (status, message) => ({ type: 'error', error: { type: status === 429 ? 'rate_limit_error' : status === 529 ? 'overloaded_error' : 'api_error', message } }),
};
