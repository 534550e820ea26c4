import { z } from 'zod';

import { ProcessStatus } from './process-contract.ts';

/** `GET /runtime/status`. */
export const RuntimeStatus = z.looseObject({
  processCount: z.int(),
  /** Requests for an approval that nobody has answered yet. */
  pendingApprovals: z.int().default(0),
  processes: z.record(z.string(), ProcessStatus),
});
export type RuntimeStatus = z.output<typeof RuntimeStatus>;

const failure = z.looseObject({ name: z.string(), error: z.looseObject({ code: z.string(), message: z.string() }) });

/** `POST /runtime/start-all`: what became of each process. `partial` when one or more failed. */
export const StartAllReport = z.looseObject({
  status: z.enum(['started', 'partial']),
  started: z.array(z.string()),
  failed: z.array(failure),
  skipped: z.array(z.looseObject({ name: z.string(), reason: z.string() })),
});
export type StartAllReport = z.output<typeof StartAllReport>;

/** `POST /runtime/stop-all`: the state of each process afterwards. */
export const StopAllReport = z.looseObject({
  status: z.enum(['stopped', 'partial']),
  stopped: z.array(z.string()),
  failed: z.array(failure),
});
export type StopAllReport = z.output<typeof StopAllReport>;

/** `POST /runtime/shutdown`: the host drains and ends after this answer. */
export const ShutdownReply = z.looseObject({ status: z.literal('stopping'), pid: z.int() });
export type ShutdownReply = z.output<typeof ShutdownReply>;

/** `GET /logs`: the newest lines of the host's log, oldest first, and where to go on reading. */
export const LogsReply = z.looseObject({
  lines: z.array(z.record(z.string(), z.unknown())),
  /** Opaque; as `after` it gives only what came later. */
  cursor: z.string(),
});
export type LogsReply = z.output<typeof LogsReply>;
