export { isAlive, readHostFile, removeHostFile, writeHostFile, type HostRecord } from './host-file.ts';
export { openManifestCache } from './manifest-cache-file.ts';
export { ensureToken, readToken } from './token-file.ts';
export { readLogFile, type LogQuery, type LogPage } from './read-log-file.ts';
