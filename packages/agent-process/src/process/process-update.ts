import type { StreamChunk } from '@cortex-runtime/core';

/** A piece of an answer, with the run that it belongs to. */
export interface ProcessUpdate {
  processName: string;
  runId: string;
  eventId: string;
  chunk: StreamChunk;
}
