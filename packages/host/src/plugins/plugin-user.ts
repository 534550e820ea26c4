/** An agent, as far as its plugins go. */
export interface PluginUser {
  processName: string;
  /** The folder of its manifest. */
  baseDirectory: string;
}
