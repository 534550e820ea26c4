import { CredentialNotFoundError, type CredentialBroker } from '@cortex-runtime/plugins/protocol';

/** A broker with the credentials that a test gives it; it remembers what it was asked for. */
export interface FakeCredentialBroker extends CredentialBroker {
  /** Names in the order in which they were asked for, whether there are any or not. */
  readonly asked: readonly string[];
  /** Adds a credential, or changes it. */
  set(name: string, value: string): void;
}

export function fakeCredentialBroker(credentials: Readonly<Record<string, string>> = {}): FakeCredentialBroker {
  const values = new Map(Object.entries(credentials));
  const asked: string[] = [];
  return {
    asked,
    set: (name, value) => void values.set(name, value),
    async get(name) {
      asked.push(name);
      const value = values.get(name);
      if (value === undefined) throw new CredentialNotFoundError(name, `give it to the test: fakeCredentialBroker({ ${JSON.stringify(name)}: '…' })`);
      return value;
    },
  };
}
