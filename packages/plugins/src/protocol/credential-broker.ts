/** Where plugins get their keys and tokens from. */
export interface CredentialBroker {
  /**
   * The value of a credential.
   *
   * @param requester - who asks; the registry fills it in, a plugin leaves it out
   * @throws CredentialNotFoundError when there is none of this name, or not for this plugin
   */
  get(name: string, requester?: { plugin: string }): Promise<string>;
}
