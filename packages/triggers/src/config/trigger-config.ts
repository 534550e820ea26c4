import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** The trigger types that ship with Cortex. Others are registered with `registerTriggerType`. */
export const builtInTriggerTypes = ['cron', 'webhook', 'file_watch', 'event', 'message', 'task'] as const;
export type BuiltInTriggerType = (typeof builtInTriggerTypes)[number];

const taskName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be letters, digits, ".", "_" or "-" and start with a letter or digit');
const taskDomain = taskName.refine((name) => name !== 'agent', 'is where tasks of single agents are kept; give the domain another name');
/** As the bus reads patterns. */
const eventTypePattern = /^(?:\*\*|(?:[A-Za-z0-9_:-]+|\*)(?:\.(?:[A-Za-z0-9_:-]+|\*))*(?:\.\*\*)?)$/;

/**
 * One thing that wakes an agent. Each type reads its own subset of the fields.
 *
 * This schema checks shapes; `validateTriggerConfig` (package root) also checks what needs a parser: cron expressions, zones, addresses, filters.
 */
export const TriggerConfig = z.strictObject({
  type: z.string().min(1).describe('cron, webhook, file_watch, event, message, task, or a registered type.'),
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/).optional().describe('A stable name; derived from the configuration when left out.'),
  filterExpression: z.string().max(2_000).optional().describe('Only events for which this is true wake the agent.'),

  cronExpression: z.string().max(200).optional().describe('cron: five fields, or six with seconds (see cron_seconds).'),
  cronTimezone: z.string().max(64).optional().describe('cron: IANA zone; UTC when left out.'),
  cronSeconds: z.enum(['first', 'last']).default('first').describe('cron: where the seconds stand in an expression of six fields (Quartz, cron-parser: first; croniter: last).'),
  misfire: z.enum(['skip', 'once', 'all']).default('once').describe('cron: what becomes of occurrences that were missed.'),
  misfireLimit: z.int().min(1).max(10_000).default(100).describe('cron: at most this many missed occurrences are made up for with misfire: all; the newest win.'),
  overlap: z.enum(['allow', 'skip', 'queue']).default('queue').describe('cron: what happens when the last occurrence is still waiting or running.'),

  webhookPath: z.string().regex(/^\/[A-Za-z0-9._~/-]{0,199}$/).default('/webhook').describe('webhook: path under /hooks/{process}.'),
  webhookPort: z.int().min(1_025).max(65_535).default(9_090).describe("webhook: accepted for compatibility; webhooks are served on the host's one port."),
  webhookHost: z.string().min(1).default('127.0.0.1').describe("webhook: accepted for compatibility; the host's own address is used."),
  hmacSecret: z.string().min(1).refine((secret) => !/^\*+$/.test(secret), 'is a masked value; give the secret itself or a ${NAME} reference').optional().describe('webhook: key of the signature; use a ${NAME} reference.'),
  signatureScheme: z.enum(['generic', 'github', 'stripe']).default('generic').describe('webhook: how requests are signed.'),
  signatureHeader: z.string().regex(/^[A-Za-z0-9-]{1,100}$/).optional().describe("webhook: header of the signature; the scheme's own when left out."),
  signatureToleranceMs: duration('s', { check: (schema) => schema.positive() }).default(300_000).describe('webhook: largest age, and largest lead, of a signed timestamp.'),
  allowedSources: z.array(z.string()).default([]).describe('webhook: addresses or CIDR ranges that may call; empty is any.'),
  deliveryIdHeader: z.string().regex(/^[A-Za-z0-9-]{1,100}$/).optional().describe("webhook: header that names a delivery; a repeated delivery is answered but not run again. The scheme's own when left out."),
  maxBodyBytes: z.int().min(1).max(64 * 1024 * 1024).default(1024 * 1024).describe('webhook: larger bodies are refused with 413.'),

  watchPath: z.string().min(1).optional().describe('file_watch: directory to watch.'),
  watchPatterns: z.array(z.string().min(1).max(500)).min(1).default(['*']).describe('file_watch: glob patterns on the file name, or on the path below watch_path when they hold a slash.'),
  watchEvents: z.array(z.enum(['created', 'modified', 'deleted', 'moved'])).min(1).default(['created', 'modified']).describe('file_watch: which changes wake the agent.'),
  watchDebounceMs: duration('s', { name: 'watch_debounce_seconds' }).default(500).describe('file_watch: changes of one path within this time are one event.'),
  watchRecursive: z.boolean().default(true).describe('file_watch: also below sub-directories.'),
  watchStableMs: duration('s', { name: 'watch_stable_seconds' }).default(200).describe('file_watch: a file is reported once its size has not changed for this time.'),
  watchExisting: z.boolean().default(false).describe('file_watch: files that are there before the first start are events too.'),
  watchIgnore: z.array(z.string().min(1).max(500)).default([]).describe("file_watch: patterns that never wake the agent, such as the agent's own outputs."),

  eventType: z.string().max(200).regex(eventTypePattern, 'must be words of letters, digits, "_", "-" and ":" separated by dots, "*" for one word, a last "**" for the rest').optional().describe('event: event type to listen for; * stands for one word, a last ** for the rest.'),
  eventSource: z.string().min(1).optional().describe('event: only from this source; wildcards as in event_type.'),
  topic: z.string().min(1).optional().describe('message: topic to subscribe to.'),
  taskDomains: z.array(taskDomain).max(50).default([]).describe('task: domains whose tasks the agent takes, besides those that are for it alone.'),
  taskPrimaryFor: z.array(taskDomain).max(50).default([]).describe('task: domains for which the agent is named first.'),
  customConfig: z.record(z.string(), z.unknown()).default({}).describe('Settings of a registered trigger type.'),
});
export type TriggerConfig = z.output<typeof TriggerConfig>;
