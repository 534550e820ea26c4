import type { Host } from './start-host.ts';

/**
 * Waits until the host has stopped. SIGTERM and SIGINT let running work finish; a second signal ends the process at once, which loses nothing that was
 * acknowledged: the next start goes on from the journal.
 *
 * @returns the exit code: 1 when the host could not go on
 */
export async function untilStopped(host: Host, options: { onSignal?: (signal: string) => void } = {}): Promise<number> {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals > 1) process.exit(signal === 'SIGINT' ? 130 : 143);
    options.onSignal?.(signal);
    void host.stop(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  try {
    return (await host.stopped).isFailure ? 1 : 0;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    process.off('SIGHUP', onSignal);
  }
}
