import { createHmac, timingSafeEqual } from 'node:crypto';

/** How requests of a webhook are signed. */
export interface SignatureRule {
  scheme: 'generic' | 'github' | 'stripe';
  /** Lower case. */
  header: string;
  keys: readonly string[];
  toleranceMs: number;
}

export type SignatureVerdict =
  /** `proof` is unique to the signed bytes; for stripe also to the signed time. */
  | { ok: true; proof: string }
  | { ok: false; problem: string };

export const defaultSignatureHeader = { generic: 'x-webhook-signature', github: 'x-hub-signature-256', stripe: 'stripe-signature' } as const;

/** More signatures than a key rotation needs are noise. */
const maxStripeSignatures = 10;
/** Keys that one secret may hold: the new one and the one that is going out, with one to spare. */
const maxKeys = 3;

/**
 * The keys of a secret: one a line, so that an old and a new key are both valid while a sender changes over.
 *
 * @returns undefined when there is none, or when there are more than three
 */
export function secretKeys(secret: string): string[] | undefined {
  const keys = secret.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
  return keys.length === 0 || keys.length > maxKeys ? undefined : keys;
}

/**
 * Checks the HMAC-SHA256 of the raw body. Every comparison takes the same time wherever the difference is.
 *
 * @param now - milliseconds since the epoch, for the age of a stripe signature
 */
export function verifySignature(rule: SignatureRule, header: string | undefined, body: Uint8Array, now: number): SignatureVerdict {
  if (header === undefined || header === '') return { ok: false, problem: `the header ${rule.header} is missing` };
  if (header.length > 4_096) return { ok: false, problem: `the header ${rule.header} is too long` };
  return rule.scheme === 'stripe' ? verifyStripe(rule, header, body, now) : verifyPlain(rule, header, body);
}

function verifyPlain(rule: SignatureRule, header: string, body: Uint8Array): SignatureVerdict {
  const digest = header.startsWith('sha256=') ? readDigest(header.slice('sha256='.length)) : undefined;
  if (digest === undefined) return { ok: false, problem: `the header ${rule.header} must be sha256= and 64 hexadecimal digits` };
  return isSignedByOne(rule.keys, [body], [digest]) ? { ok: true, proof: digest.toString('hex') } : { ok: false, problem: 'the signature does not fit the body' };
}

function verifyStripe(rule: SignatureRule, header: string, body: Uint8Array, now: number): SignatureVerdict {
  const times: string[] = [];
  const digests: Buffer[] = [];
  for (const element of header.split(',')) {
    const equals = element.indexOf('=');
    const name = element.slice(0, Math.max(equals, 0)).trim();
    const value = element.slice(equals + 1).trim();
    if (name === 't') times.push(value);
    if (name !== 'v1') continue;
    const digest = readDigest(value);
    if (digest !== undefined) digests.push(digest);
  }
  const [time] = times;
  if (times.length !== 1 || time === undefined || !/^\d{1,12}$/.test(time)) return { ok: false, problem: `the header ${rule.header} must hold exactly one t= with Unix seconds` };
  if (digests.length === 0 || digests.length > maxStripeSignatures) return { ok: false, problem: `the header ${rule.header} must hold one to ${maxStripeSignatures} v1= of 64 hexadecimal digits` };
  if (!isSignedByOne(rule.keys, [Buffer.from(`${time}.`), body], digests)) return { ok: false, problem: 'the signature does not fit the body' };
  // After the signature, so that a forger learns nothing about the clock. Too far ahead is refused as well as too old.
  if (!(Math.abs(now - Number(time) * 1_000) <= rule.toleranceMs)) return { ok: false, problem: 'the signed time is outside the tolerance' };
  return { ok: true, proof: digests.map((digest) => digest.toString('hex')).sort().join('') };
}

/** Every key and every digest is tried, also after a match: the time tells nothing about which one it was. */
function isSignedByOne(keys: readonly string[], parts: readonly Uint8Array[], digests: readonly Buffer[]): boolean {
  let isSigned = false;
  for (const key of keys) {
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    const expected = hmac.digest();
    for (const digest of digests) if (timingSafeEqual(expected, digest)) isSigned = true;
  }
  return isSigned;
}

/** 32 bytes, or undefined: anything that is not exactly 64 hexadecimal digits would make an empty or a short buffer. */
function readDigest(text: string): Buffer | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}
