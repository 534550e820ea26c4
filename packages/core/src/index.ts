export { CortexError, InvalidInputError, RuntimeBaseError, describeError } from './errors.ts';
/** The seed's name for the root of all errors. */
export { CortexError as CortexRuntimeError } from './errors.ts';
export { maxTimerDelayMs, sleep, type Clock, type Timer, type TimerOptions } from './clock.ts';
export type { Random } from './random.ts';
export type { Disk, DiskFile, DiskStat, OpenMode } from './disk.ts';
export type { Net, NetAddress } from './net.ts';
export { hostnameOf, isLoopback } from './loopback.ts';
export { isBearerToken } from './bearer-token.ts';
export { silentLogger, type Logger } from './logger.ts';
export { idGenerator, randomHex, type IdGenerator } from './ids.ts';
export { Batcher, type BatcherOptions } from './batcher.ts';
export { backoffMs, jitteredBackoffMs, type Backoff } from './backoff.ts';
export { duration, durationInUnit, formatDuration, parseDurationMs, type DurationUnit } from './duration.ts';
export { StreamChunkKind, type StreamChunk } from './stream-chunk.ts';
export type { HealthStatus } from './health-status.ts';
export { Department, Domain } from './domain.ts';
export { assertJsonValue, type JsonObject, type JsonValue } from './json-value.ts';
export {
  EnvironmentVariableNotFoundError,
  findReferences,
  hasReferences,
  resolveDocument,
  resolveReferences,
  type Environment,
  type EnvironmentReference,
} from './environment-reference.ts';
export { nearestName } from './nearest-name.ts';
export { markText, quoteName } from './mark-text.ts';
export { isSecretName } from './secret-name.ts';
export { DocumentError, formatPath, type DocumentIssue } from './document/document-error.ts';
export { parseDocument, readDocument, readDocumentInput, shapeOf, type DocumentResult, type ReadDocumentOptions } from './document/parse-document.ts';
export { documentCodec, type DocumentCodec, type DocumentCodecOptions } from './document/document-codec.ts';
export { toDocument } from './document/to-document.ts';
export { documentJsonSchema } from './document/document-json-schema.ts';
export { documentFieldName } from './document/field-name.ts';
