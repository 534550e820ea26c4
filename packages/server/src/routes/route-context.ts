import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseDocument } from '@cortex-runtime/core';
import type { z } from 'zod';

import type { ServedProcess } from '../served-runtime.ts';
import type { ServerDependencies, ServerSettings } from '../server-options.ts';
import type { StreamHub } from '../stream/stream-hub.ts';

/** What every group of routes is given. */
export interface RouteContext {
  deps: ServerDependencies;
  settings: ServerSettings;
  hub: StreamHub;
}

/** Adds a group of routes below `/api/v1`. */
export type RouteGroup = (app: FastifyInstance, context: RouteContext) => void;

/** The process that the path names. */
export function processOf({ deps }: RouteContext, request: FastifyRequest): ServedProcess {
  return deps.runtime.getProcess((request.params as { name: string }).name);
}

/** The body in the form that code uses. @throws DocumentError, answered with 422 */
export function bodyOf<S extends z.ZodType>(schema: S, request: FastifyRequest): z.output<S> {
  return parseDocument(schema, request.body ?? {}, 'the body');
}

/** What was being done, for the code of an unforeseen failure: `START_FAILED`. */
export function failsAs(reply: FastifyReply, code: string): void {
  (reply as FastifyReply & { failureCode?: string }).failureCode = code;
}
