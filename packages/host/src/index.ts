import type { Host, StartHostOptions } from './start-host.ts';

export { HostConfig, hostEnvironmentNames, readHostConfig } from './host-config.ts';
export { collectManifests, type ManifestPlace } from './collect-manifests.ts';
export { ensureToken, isAlive, readHostFile, readLogFile, readToken, type HostRecord, type LogPage, type LogQuery } from './data-directory/index.ts';
export { hostVersion } from './host-version.ts';
export { isHostProcess } from './host-processes.ts';
export { untilStopped } from './until-stopped.ts';
export { HostConfigError, NoAgentsError } from './errors.ts';
export type { Host, HostEnd, HostProgress, StartHostOptions } from './start-host.ts';

/**
 * Puts a host together and starts its agents: takes the data directory, opens the journal, listens, loads the manifests, starts the agents.
 *
 * A manifest that can not be loaded and an agent that can not start are reported; the others run. Until the agents are started `GET /ready` answers 503,
 * and a webhook that nobody knows yet is asked to come again.
 *
 * @throws NoAgentsError, DataDirectoryInUseError, JournalCorruptError, ServerStartError; nothing is left behind then
 */
export async function startHost(options: StartHostOptions): Promise<Host> {
  // Loaded here, so that whoever only looks for a running host does not load a runtime and an HTTP server.
  return (await import('./start-host.ts')).startHost(options);
}
