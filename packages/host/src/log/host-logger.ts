import type { Logger } from '@cortex-runtime/core';
import { pino, stdTimeFunctions } from 'pino';

import { logFileOf } from '../data-directory/read-log-file.ts';
import { rotatingFile } from './rotating-file.ts';

/** The host's structured log: one JSON line per fact in `<data>/logs/host.log`, warnings and errors also handed to `onProblem`. */
export function hostLogger(
  dataDirectory: string,
  options: { level: 'debug' | 'info' | 'warn' | 'error'; maxBytes?: number; kept?: number; onProblem?: (line: string) => void },
): { logger: Logger; flush: () => void } {
  const file = rotatingFile(logFileOf(dataDirectory), { maxBytes: options.maxBytes ?? 10 * 1024 * 1024, kept: options.kept ?? 3 });
  const destination = {
    write(line: string) {
      file.write(line);
      if (options.onProblem !== undefined && /^\{"level":"(warn|error)"/.test(line)) options.onProblem(line);
    },
  };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['token', 'secret', 'api_key', 'apiKey', 'authorization', 'hmac_secret', 'headers.authorization', '*.token', '*.secret', '*.api_key', '*.apiKey', '*.authorization', '*.hmac_secret', 'env', '*.env'],
        censor: '**********',
      },
    },
    destination,
  );
  return { logger: logger as unknown as Logger, flush: file.flush };
}
