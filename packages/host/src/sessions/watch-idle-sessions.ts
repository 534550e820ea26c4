import { describeError, type Clock, type Logger, type Timer } from '@cortex-runtime/core';
import type { SessionManager } from '@cortex-runtime/session';

const leastPeriodMs = 1_000;
const mostPeriodMs = 900_000;

/** Marks silent sessions as idle, now and then: at most half of `idleAfterMs` late, and seldom enough that reading all sessions costs nothing. @returns ends it */
export function watchIdleSessions(deps: { clock: Clock; logger: Logger; sessions: Pick<SessionManager, 'markIdle'> }, idleAfterMs: number): () => void {
  const periodMs = Math.min(mostPeriodMs, Math.max(leastPeriodMs, idleAfterMs / 2));
  let timer: Timer | undefined;
  let isEnded = false;
  const arm = () => {
    if (isEnded) return;
    timer = deps.clock.setTimer(
      periodMs,
      () => {
        deps.sessions
          .markIdle()
          .catch((error: unknown) => deps.logger.warn({ problem: describeError(error) }, 'sessions could not be marked as idle'))
          .finally(arm);
      },
      { keepAlive: false },
    );
  };
  arm();
  return () => {
    isEnded = true;
    timer?.cancel();
  };
}
