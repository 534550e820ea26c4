import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an `Authorization` header carries this token. Both are hashed, so that neither the length nor the first difference shows in the time it takes. */
export function isBearerToken(token: string, authorization: string | undefined): boolean {
  const [, given] = /^Bearer +([^\s]+)$/i.exec(authorization ?? '') ?? [];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(token), digest(given ?? '')) && given !== undefined;
}
