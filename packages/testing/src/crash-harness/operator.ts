import type { Random } from '@cortex-runtime/core';

import { readCallLedger } from '../call-ledger.ts';
import type { ExecutedCall } from './judge-crash-run.ts';

type Resolution = 'happened' | 'not-happened' | 'retry';

export interface OperatorOptions {
  baseUrl: string;
  token: string;
  /** Ledgers of the counting servers: the operator knows from them what happened. */
  ledgers: readonly string[];
  random: Random;
}

/** What the API says about all processes. */
export interface HostStatus {
  processes: Record<string, { state: string; queue_size: number; waiting_effects: number; running_runs: number; dead_letter_count: number }>;
}

/** A server may still be at what a killed host sent last: the operator looks twice before it says that something did not happen. */
const lookTwiceMs = 400;

/** The person at the host: settles every effect whose outcome is unknown, by what the servers counted. */
export function crashOperator({ baseUrl, token, ledgers, random }: OperatorOptions) {
  const firstSeen = new Map<string, number>();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const get = async <T>(path: string): Promise<T | undefined> => {
    try {
      const response = await fetch(`${baseUrl}/api/v1${path}`, { headers });
      return response.ok ? ((await response.json()) as T) : undefined;
    } catch {
      return undefined; // the host is not there now
    }
  };

  const resolve = async (name: string, effectId: string, resolution: Resolution) => {
    const body = JSON.stringify({ resolution, by: 'crash-operator', ...(resolution === 'happened' ? { result: 'it happened' } : {}) });
    // No answer is no knowledge: it is asked again when the effect still waits.
    await fetch(`${baseUrl}/api/v1/processes/${name}/effects/${encodeURIComponent(effectId)}/resolve`, { method: 'POST', headers, body }).catch(() => undefined);
  };

  return {
    status: () => get<HostStatus>('/runtime/status'),
    /** Settles what waits now. */
    async settle(): Promise<void> {
      const status = await get<HostStatus>('/runtime/status');
      for (const [name, { waiting_effects }] of Object.entries(status?.processes ?? {})) {
        if (waiting_effects === 0) continue;
        const waiting = await get<{ effects: { effect_id: string }[] }>(`/processes/${name}/effects`);
        for (const { effect_id: effectId } of waiting?.effects ?? []) {
          const seenAt = firstSeen.get(effectId) ?? performance.now();
          firstSeen.set(effectId, seenAt);
          if (performance.now() - seenAt < lookTwiceMs) continue;
          const happened = readExecutions(ledgers).some(({ idempotencyKey }) => idempotencyKey === effectId);
          await resolve(name, effectId, happened ? 'happened' : random.next() < 0.5 ? 'not-happened' : 'retry');
          firstSeen.delete(effectId);
        }
      }
    },
  };
}

/** What the counting servers executed. */
export function readExecutions(ledgers: readonly string[]): ExecutedCall[] {
  return ledgers.flatMap((ledger) =>
    readCallLedger(ledger).map((record) => ({
      tool: String(record['tool']),
      value: String(record['value']),
      idempotencyKey: typeof record['idempotency_key'] === 'string' ? record['idempotency_key'] : undefined,
      executedAt: Number(record['executed_at']),
    })),
  );
}
