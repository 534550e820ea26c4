import type { JsonObject } from '@cortex-runtime/core';
import type { JournalEntry, Projection } from '@cortex-runtime/journal';

import type { PluginResult } from '../protocol/service-plugin.ts';
import type { ApprovalRequest } from './approval-request.ts';

/** A call that has begun. Without an ending nobody knows whether it happened. */
export interface ExecutionRecord {
  plugin: string;
  action: string;
  paramsHash: string;
  approvalId?: string;
  ending?:
    /** It ended, and is never done again. */
    | { kind: 'ended'; result: PluginResult; errorCode?: string }
    /** Nothing was done: the same call may begin again. */
    | { kind: 'released' };
}

/** What the journal of the registry comes to. */
export interface LedgerState {
  approvals: Record<string, ApprovalRequest>;
  /** By the digest of requester, plugin, action and idempotency key. */
  executions: Record<string, ExecutionRecord>;
  /** How many of each there are: counting keys for every entry would make a long journal slow to read. */
  approvalCount: number;
  executionCount: number;
}

/** Closed approvals and ended calls that are remembered at least; twice as many at most. */
const closedKept = 500;
const endedKept = 5_000;

/** Approvals and calls of plugins, as the fold of `plugin_*` entries. */
export const ledgerProjection: Projection<LedgerState> = {
  name: 'plugins',
  initial: () => ({ approvals: {}, executions: {}, approvalCount: 0, executionCount: 0 }),
  apply(state, entry) {
    const { data } = entry;
    switch (entry.entryType) {
      case 'plugin_approval_requested':
        if (state.approvalCount >= closedKept * 2) state.approvalCount = prune(state.approvals, closedKept, (each) => each.status === 'used' || each.expiresAt <= Date.parse(entry.timestamp));
        state.approvals[text(data, 'approval_id')] = requested(entry);
        state.approvalCount += 1;
        return state;
      case 'plugin_approval_decided':
        change(state, text(data, 'approval_id'), {
          status: data['decision'] === 'approved' ? 'approved' : 'denied',
          decidedBy: text(data, 'by'),
          decidedAt: Date.parse(entry.timestamp),
          ...(typeof data['reason'] === 'string' ? { reason: data['reason'] } : {}),
        });
        return state;
      case 'plugin_approval_expired':
        change(state, text(data, 'approval_id'), { status: 'expired' });
        return state;
      case 'plugin_action_started':
        if (state.executionCount >= endedKept * 2) state.executionCount = prune(state.executions, endedKept, (each) => each.ending !== undefined);
        if (state.executions[text(data, 'execution_id')] === undefined) state.executionCount += 1;
        state.executions[text(data, 'execution_id')] = started(data);
        if (typeof data['approval_id'] === 'string') change(state, data['approval_id'], { status: 'used' });
        return state;
      case 'plugin_action_ended':
        end(state, text(data, 'execution_id'), {
          kind: 'ended',
          result: data['result'] as unknown as PluginResult,
          ...(typeof data['error_code'] === 'string' ? { errorCode: data['error_code'] } : {}),
        });
        return state;
      case 'plugin_action_released': {
        const record = end(state, text(data, 'execution_id'), { kind: 'released' });
        if (record?.approvalId !== undefined) change(state, record.approvalId, { status: 'approved' });
        return state;
      }
      default:
        return state;
    }
  },
};

function requested({ data, timestamp }: JournalEntry): ApprovalRequest {
  return {
    id: text(data, 'approval_id'),
    plugin: text(data, 'plugin'),
    action: text(data, 'action'),
    description: text(data, 'description'),
    params: data['params'] as JsonObject,
    binding: text(data, 'binding'),
    requestedBy: text(data, 'requested_by'),
    requestedAt: Date.parse(timestamp),
    expiresAt: Date.parse(text(data, 'expires_at')),
    status: 'pending',
  };
}

function started(data: JsonObject): ExecutionRecord {
  return {
    plugin: text(data, 'plugin'),
    action: text(data, 'action'),
    paramsHash: text(data, 'params_hash'),
    ...(typeof data['approval_id'] === 'string' ? { approvalId: data['approval_id'] } : {}),
  };
}

function change(state: LedgerState, id: string, fields: Partial<ApprovalRequest>): void {
  const found = state.approvals[id];
  if (found !== undefined) state.approvals[id] = { ...found, ...fields };
}

function end(state: LedgerState, id: string, ending: NonNullable<ExecutionRecord['ending']>): ExecutionRecord | undefined {
  const found = state.executions[id];
  if (found !== undefined) found.ending = ending;
  return found;
}

/** Forgets the oldest of those that may be forgotten, in one go, and returns how many are left. */
function prune<T>(records: Record<string, T>, kept: number, mayForget: (record: T) => boolean): number {
  const keys = Object.keys(records);
  const forgettable = keys.filter((key) => mayForget(records[key] as T));
  const forgotten = forgettable.slice(0, Math.max(0, forgettable.length - kept));
  for (const key of forgotten) delete records[key];
  return keys.length - forgotten.length;
}

const text = (data: JsonObject, key: string): string => (typeof data[key] === 'string' ? data[key] : '');
