import { InvalidInputError } from '@cortex-runtime/core';

/** Checks a stream's logical name, such as `tasks:eng`. Braces would choose a slot in a cluster; spaces and control characters break tools. */
export function assertStreamName(stream: string): void {
  if (typeof stream !== 'string' || !/^[^\s{}*?[\]\\\p{Cc}]{1,512}$/u.test(stream)) {
    throw new InvalidInputError('stream', `must be 1 to 512 characters without spaces, control characters or any of {}*?[]\\, got ${JSON.stringify(stream)?.slice(0, 160)}`);
  }
}

export function streamList(streams: string | readonly string[]): string[] {
  const list = typeof streams === 'string' ? [streams] : [...new Set(streams)];
  if (list.length === 0) throw new InvalidInputError('streams', 'name at least one stream');
  for (const stream of list) assertStreamName(stream);
  return list;
}

/** `~` marks consumers whose liveness the bus itself keeps; see the Redis adapter. */
export function assertGroupName(field: 'group' | 'consumer' | 'identity', name: string): void {
  if (typeof name !== 'string' || !/^[^\s~\p{Cc}]{1,256}$/u.test(name)) {
    throw new InvalidInputError(field, `must be 1 to 256 characters without spaces, control characters or "~", got ${JSON.stringify(name)?.slice(0, 160)}`);
  }
}
