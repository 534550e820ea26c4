import { createHash, timingSafeEqual } from 'node:crypto';

/** Who a credential belongs to. */
export interface Operator {
  readonly name: string;
}

/** Says whether a credential is an operator's. */
export interface OperatorAuthority {
  verify(credential: string): Promise<Operator | undefined>;
}

/** Operators by name, each with a token. All tokens are compared in constant time. */
export function operatorTokens(tokens: Readonly<Record<string, string>>): OperatorAuthority {
  const known = Object.entries(tokens).map(([name, token]) => ({ name, digest: digest(token) }));
  return {
    async verify(credential) {
      const offered = digest(credential);
      const found = known.filter((operator) => timingSafeEqual(operator.digest, offered))[0];
      return found === undefined ? undefined : { name: found.name };
    },
  };
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();
