export { createServer, type CortexServer } from './create-server.ts';
export { ServerOptions, type ServerDependencies } from './server-options.ts';
export type { NewServedTask, ServedMesh, ServedTask } from './served-mesh.ts';
export type { ServedApproval, ServedPlugins } from './served-plugins.ts';
export type { RunUpdate, ServedDeadLetter, ServedJournalEntry, ServedProcess, ServedRuntime } from './served-runtime.ts';
export type { ServedMemory } from './served-memory.ts';
export type { ServedSessions } from './served-sessions.ts';
export { HttpError, ServerStartError } from './errors.ts';
