import { describeError, type Logger } from '@cortex-runtime/core';

/** Logs a notice and passes it on; a listener that fails does no harm. */
export function notifier<Notice extends object>(logger: Logger, onNotice: ((notice: Notice) => void) | undefined): (notice: Notice) => void {
  return (notice) => {
    logger.warn(notice, 'bus notice');
    try {
      onNotice?.(notice);
    } catch (error) {
      logger.error({ error: describeError(error) }, 'a listener for notices of the bus failed');
    }
  };
}
