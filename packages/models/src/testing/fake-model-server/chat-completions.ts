import type { ModelMessage } from '../../model-provider.ts';
import { argumentsObject, contentText, isRecord, pieces, records, type WireProtocol } from './fake-model-call.ts';

/** @see https://platform.openai.com/docs/api-reference/chat-streaming */
export const chatCompletions: WireProtocol = {
  name: 'chat-completions',
  terminator: '[DONE]',
  matches: (path) => path.endsWith('/chat/completions'),
  read(body) {
    const names = new Map<string, string>();
    const messages = records(body['messages']).map((message): ModelMessage => {
      const content = contentText(message['content']);
      switch (message['role']) {
        case 'assistant': {
          const toolCalls = records(message['tool_calls']).map((call) => {
            const of = isRecord(call['function']) ? call['function'] : {};
            names.set(String(call['id']), String(of['name']));
            return { id: String(call['id']), name: String(of['name']), arguments: argumentsObject(of['arguments']) };
          });
          return { role: 'assistant', content, ...(toolCalls.length > 0 ? { toolCalls } : {}) };
        }
        case 'tool':
          return { role: 'tool', toolCallId: String(message['tool_call_id']), toolName: names.get(String(message['tool_call_id'])) ?? '', content };
        case 'system':
        case 'developer':
          return { role: 'system', content };
        default:
          return { role: 'user', content };
      }
    });
    return { model: String(body['model']), messages, tools: records(body['tools']).map((tool) => String(isRecord(tool['function']) ? tool['function']['name'] : '')) };
  },
  events(reply, model, number) {
    const chunk = (delta: object, finish: string | null = null) => ({ data: { id: `chatcmpl-${number}`, object: 'chat.completion.chunk', created: 0, model, choices: [{ index: 0, delta, finish_reason: finish }] } });
    return [
      chunk({ role: 'assistant', content: '' }),
      ...pieces(reply.text).map((content) => chunk({ content })),
      ...reply.toolCalls.flatMap((call, index) => [
        chunk({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] }),
        ...pieces(call.arguments).map((part) => chunk({ tool_calls: [{ index, function: { arguments: part } }] })),
      ]),
      chunk({}, reply.finish === 'other' ? 'stop' : reply.finish),
      {
        data: {
          id: `chatcmpl-${number}`,
          object: 'chat.completion.chunk',
          created: 0,
          model,
          choices: [],
          usage: {
            prompt_tokens: reply.usage.inputTokens,
            completion_tokens: reply.usage.outputTokens,
            total_tokens: reply.usage.inputTokens + reply.usage.outputTokens,
            prompt_tokens_details: { cached_tokens: reply.usage.cachedInputTokens },
          },
        },
      },
    ];
  },
  errorBody: (status, message) => ({ error: { message, type: status === 429 ? 'rate_limit_error' : 'error', code: null, param: null } }),
};
