import type { Net } from '@cortex-runtime/core';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';

/**
 * A fetch that tells when the event stream that should carry the answer of a tool call has ended. The SDK waits for its timeout when a
 * stream ends without the answer; we want to know at once that the outcome is unknown. Streams with event ids are left alone: the SDK resumes them.
 *
 * @param onEnd - gets the JSON-RPC id of the call
 */
export function watchedFetch(net: Net, onEnd: (requestId: number | string) => void): FetchLike {
  return async (url, init) => {
    const response = await net.fetch(url, init);
    const requestId = toolCallId(init);
    if (requestId === undefined || response.body === null || !(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) return response;
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    let isResumable = false;
    const ended = () => {
      if (!isResumable) onEnd(requestId);
    };
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
            ended();
            return;
          }
          text = text.slice(-8) + Buffer.from(value).toString('latin1');
          isResumable ||= /(^|\n)id:/.test(text);
          controller.enqueue(value);
        } catch (error) {
          controller.error(error);
          ended();
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers });
  };
}

function toolCallId(init: RequestInit | undefined): number | string | undefined {
  if (init?.method !== 'POST' || typeof init.body !== 'string' || !init.body.includes('"tools/call"')) return undefined;
  const message = JSON.parse(init.body) as { method?: unknown; id?: unknown };
  return message.method === 'tools/call' && (typeof message.id === 'number' || typeof message.id === 'string') ? message.id : undefined;
}
