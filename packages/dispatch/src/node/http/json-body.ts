import type { IncomingMessage } from 'node:http';

import { HttpRefusal } from './http-refusal.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON in the body of a request. What is no JSON by its own word is refused before a byte is read, and what is too large as soon as that is known.
 *
 * @throws HttpRefusal 415, 413 or 400
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity', 'content-length': length = '0' } = request.headers;
  if (!/^application\/(json|[\w.-]+\+json)\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type.trim())) {
    throw new HttpRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', `the body must be JSON in UTF-8 and say so (Content-Type: application/json), got ${JSON.stringify(type).slice(0, 100)}`);
  }
  if (encoding !== 'identity') throw new HttpRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', `bodies are not decoded: send this one without Content-Encoding ${JSON.stringify(encoding).slice(0, 100)}`);
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  const bytes = await readBytes(request, maxBytes);
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new HttpRefusal(400, 'INVALID_JSON', 'the body is not JSON in UTF-8', { cause: error });
  }
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.removeAllListeners('data');
      act();
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      // Node reads the rest away after the answer, without keeping it, for as long as the request may take.
      if (length > maxBytes) settle(() => reject(tooLarge(maxBytes)));
      else chunks.push(chunk);
    });
    request.once('end', () => settle(() => resolve(Buffer.concat(chunks))));
    for (const event of ['error', 'close']) {
      request.once(event, () => settle(() => reject(new HttpRefusal(400, 'INVALID_REQUEST', 'the connection was closed before the whole body had come'))));
    }
  });
}

function tooLarge(maxBytes: number): HttpRefusal {
  return new HttpRefusal(413, 'BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`);
}
