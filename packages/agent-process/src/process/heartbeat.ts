import type { Clock, Timer } from '@cortex-runtime/core';
import type { ProcessConfig } from '@cortex-runtime/manifest';

export interface HeartbeatPorts {
  /** It runs and has nothing to do. */
  isIdle(): boolean;
  /** Milliseconds since the epoch. */
  lastActivityAt(): number;
  /** Milliseconds since the epoch. */
  startedAt(): number;
  onIdle(): Promise<void>;
  onLifetime(): Promise<void>;
  onError(error: unknown): void;
}

/** Looks after `idle_timeout` and `max_lifetime` every `heartbeat_interval`. Costs nothing when neither is set. */
export class Heartbeat {
  #timer: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, config: ProcessConfig, ports: HeartbeatPorts) {
    const { heartbeatIntervalMs, idleTimeoutMs, maxLifetimeMs } = config;
    if (idleTimeoutMs === 0 && maxLifetimeMs === 0) return;
    const beat = () => {
      if (this.#stopped) return;
      const now = clock.now();
      if (maxLifetimeMs > 0 && now - ports.startedAt() >= maxLifetimeMs) {
        this.stop();
        void ports.onLifetime().catch((error: unknown) => ports.onError(error));
        return;
      }
      if (idleTimeoutMs > 0 && ports.isIdle() && now - ports.lastActivityAt() >= idleTimeoutMs) void ports.onIdle().catch((error: unknown) => ports.onError(error));
      this.#timer = clock.setTimer(heartbeatIntervalMs, beat, { keepAlive: false });
    };
    this.#timer = clock.setTimer(heartbeatIntervalMs, beat, { keepAlive: false });
  }

  /** Whether it has anything to look after. */
  get isBeating(): boolean {
    return this.#timer !== undefined && !this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
