/**
 * The bytes of an answer until its end, or until the signal is aborted: then it rejects with the signal's reason.
 *
 * `fetch` listens to its signal only as long as the request is held by somebody. Once that is collected, an abort no longer ends a body that is being read, and whoever
 * reads it would wait for good.
 */
export async function* readBody(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const end = () => reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', end, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', end);
    await end();
  }
}

/** A whole answer as text. */
export async function readText(body: ReadableStream<Uint8Array> | null, signal: AbortSignal | undefined): Promise<string> {
  if (body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of readBody(body, signal)) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
}
