import { CortexError, hasReferences, type DocumentIssue } from '@cortex-runtime/core';

import type { TriggerConfig } from './config/index.ts';
import { cronSchedule } from './cron/cron-schedule.ts';
import { timeZone } from './cron/time-zone.ts';
import { glob } from './file-watch/glob.ts';
import { parseFilterSyntax } from './filter/parse-filter-syntax.ts';
import { defaultTriggerRegistry, unknownTriggerType, type TriggerRegistry } from './trigger-registry.ts';
import { parseSources } from './webhook/source-list.ts';
import { secretKeys } from './webhook/verify-signature.ts';

/**
 * What a schema can not see: fields that the type needs, and texts that need a parser. Empty when all is well.
 *
 * Paths are those of the document form, relative to the trigger. Texts with `${NAME}` references are left alone where they may hold any.
 */
export function validateTriggerConfig(config: TriggerConfig, registry: TriggerRegistry = defaultTriggerRegistry): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  const report = (field: string, message: string, index?: number) => {
    issues.push({ segments: index === undefined ? [field] : [field, index], path: index === undefined ? field : `${field}[${index}]`, message });
  };
  const attempt = (field: string, parse: () => unknown, index?: number) => {
    try {
      parse();
    } catch (error) {
      if (!CortexError.is(error)) throw error;
      report(field, error.message.replace(/^(cron_expression|cron_timezone|pattern|filter_expression)(: |, )/, ''), index);
    }
  };
  if (!registry.has(config.type)) report('type', unknownTriggerType(config.type, registry.names()));
  const { filterExpression } = config;
  if (filterExpression !== undefined) attempt('filter_expression', () => parseFilterSyntax(filterExpression));
  if (config.type === 'cron') validateCron(config, report, attempt);
  if (config.type === 'webhook') validateWebhook(config, report);
  if (config.type === 'file_watch') {
    if (config.watchPath === undefined) report('watch_path', 'is required for a file_watch trigger: the directory to watch');
    for (const [index, pattern] of config.watchPatterns.entries()) attempt('watch_patterns', () => glob(pattern), index);
    for (const [index, pattern] of config.watchIgnore.entries()) attempt('watch_ignore', () => glob(pattern), index);
  }
  if (config.type === 'event' && config.eventType === undefined) report('event_type', 'is required for an event trigger: the event type to listen for');
  if (config.type === 'message' && config.topic === undefined) report('topic', 'is required for a message trigger: the topic to subscribe to');
  return issues;
}

type Report = (field: string, message: string, index?: number) => void;

function validateCron(config: TriggerConfig, report: Report, attempt: (field: string, parse: () => unknown) => void): void {
  const { cronExpression, cronTimezone = 'UTC', cronSeconds } = config;
  attempt('cron_timezone', () => timeZone(cronTimezone));
  if (cronExpression === undefined) report('cron_expression', 'is required for a cron trigger, such as "*/15 * * * *"');
  else attempt('cron_expression', () => cronSchedule(cronExpression, { seconds: cronSeconds }));
}

function validateWebhook(config: TriggerConfig, report: Report): void {
  const { hmacSecret, signatureScheme, signatureHeader } = config;
  if (hmacSecret === undefined && signatureScheme !== 'generic') report('hmac_secret', `is required for signature_scheme ${signatureScheme}; without it nothing would be checked`);
  else if (hmacSecret === undefined && signatureHeader !== undefined) report('hmac_secret', 'is required with signature_header; without it nothing would be checked');
  if (hmacSecret !== undefined && !hasReferences(hmacSecret) && secretKeys(hmacSecret) === undefined) report('hmac_secret', 'must hold one to three keys, one a line');
  if (signatureScheme === 'stripe' && config.deliveryIdHeader !== undefined) {
    report('delivery_id_header', 'can not be used with signature_scheme stripe: a delivery is known by its signed event id, and a header is not signed');
  }
  const sources = parseSources(config.allowedSources);
  if ('problem' in sources) report('allowed_sources', sources.problem, sources.index);
}
