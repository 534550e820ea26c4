import type { ModelMessage } from '../../model-provider.ts';
import { argumentsObject, contentText, pieces, records, type WireEvent, type WireProtocol } from './fake-model-call.ts';

/** @see https://platform.openai.com/docs/api-reference/responses-streaming */
export const openAiResponses: WireProtocol = {
  name: 'openai-responses',
  matches: (path) => path.endsWith('/responses'),
  read(body) {
    const names = new Map<string, string>();
    const messages: ModelMessage[] = [];
    const input = typeof body['input'] === 'string' ? [{ role: 'user', content: body['input'] }] : records(body['input']);
    for (const item of input) {
      const content = contentText(item['content']);
      if (item['type'] === 'function_call') {
        names.set(String(item['call_id']), String(item['name']));
        const call = { id: String(item['call_id']), name: String(item['name']), arguments: argumentsObject(item['arguments']) };
        const last = messages.at(-1);
        if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, toolCalls: [...(last.toolCalls ?? []), call] };
        else messages.push({ role: 'assistant', content: '', toolCalls: [call] });
      } else if (item['type'] === 'function_call_output') {
        const id = String(item['call_id']);
        messages.push({ role: 'tool', toolCallId: id, toolName: names.get(id) ?? '', content: contentText(item['output']) });
      } else if (item['role'] === 'assistant') messages.push({ role: 'assistant', content });
      else if (item['role'] === 'system' || item['role'] === 'developer') messages.push({ role: 'system', content });
      else if (item['role'] === 'user') messages.push({ role: 'user', content });
    }
    return { model: String(body['model']), messages, tools: records(body['tools']).map((tool) => String(tool['name'])) };
  },
  events(reply, model, number) {
    const id = `resp_${number}`;
    const event = (type: string, rest: object): WireEvent => ({ event: type, data: { type, ...rest } });
    const usage = {
      input_tokens: reply.usage.inputTokens,
      input_tokens_details: { cached_tokens: reply.usage.cachedInputTokens },
      output_tokens: reply.usage.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: reply.usage.inputTokens + reply.usage.outputTokens,
    };
    const isIncomplete = reply.finish === 'length' || reply.finish === 'content_filter';
    const textIndex = reply.text === '' ? 0 : 1;
    const messageId = `msg_${number}`;
    return [
      event('response.created', { response: { id, object: 'response', created_at: 0, model, status: 'in_progress' } }),
      ...(reply.text === '' ? [] : [
        event('response.output_item.added', { output_index: 0, item: { type: 'message', id: messageId, status: 'in_progress', role: 'assistant', content: [] } }),
        ...pieces(reply.text).map((delta) => event('response.output_text.delta', { item_id: messageId, output_index: 0, content_index: 0, delta })),
        event('response.output_item.done', { output_index: 0, item: { type: 'message', id: messageId, status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: reply.text, annotations: [] }] } }),
      ]),
      ...reply.toolCalls.flatMap((call, index) => {
        const output_index = textIndex + index;
        const item = { type: 'function_call', id: `fc_${number}_${index}`, call_id: call.id, name: call.name };
        return [
          event('response.output_item.added', { output_index, item: { ...item, arguments: '', status: 'in_progress' } }),
          ...pieces(call.arguments).map((delta) => event('response.function_call_arguments.delta', { item_id: item.id, output_index, delta })),
          event('response.output_item.done', { output_index, item: { ...item, arguments: call.arguments, status: 'completed' } }),
        ];
      }),
      isIncomplete
        ? event('response.incomplete', { response: { id, incomplete_details: { reason: reply.finish === 'length' ? 'max_output_tokens' : 'content_filter' }, usage } })
        : event('response.completed', { response: { id, usage } }),
    ];
  },
  errorBody: (status, message) => ({ error: { message, type: status === 429 ? 'rate_limit_error' : 'error', code: null, param: null } }),
};
