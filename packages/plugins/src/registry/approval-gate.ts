import type { Clock, JsonObject } from '@cortex-runtime/core';

import { canonicalJson, digestOf } from '../canonical-json.ts';
import type { ActionLedger } from '../ledger/action-ledger.ts';
import type { ApprovalRequest } from '../ledger/approval-request.ts';
import { PluginApprovalExpiredError, PluginApprovalPendingError, PluginDeniedError } from '../protocol/approval-errors.ts';
import type { ServicePlugin } from '../protocol/service-plugin.ts';
import type { RegisteredAction } from './registered-action.ts';

export interface ApprovalGateInput {
  plugin: ServicePlugin;
  action: RegisteredAction;
  params: JsonObject;
  requestedBy: string;
  /** The approval that this call waited for. */
  approvalId: string | undefined;
  /** `wait` for the answer, or `refuse` to go on at once. */
  whenPending: 'wait' | 'refuse';
  /** Each of them ends the waiting; the request stays. */
  signals: readonly AbortSignal[];
}

/**
 * The approval of exactly this call, asked for when there is none. It is found by what it is bound to, so a call that comes again after a restart finds the answer that was given meanwhile;
 * one that names the approval it waited for is also told that nobody answered.
 *
 * @throws PluginApprovalPendingError, PluginDeniedError, PluginApprovalExpiredError
 */
export async function approvalFor({ ledger, clock }: { ledger: ActionLedger; clock: Clock }, input: ApprovalGateInput): Promise<ApprovalRequest> {
  const { plugin, action, params, requestedBy } = input;
  const binding = digestOf({ requested_by: requestedBy, plugin: plugin.name, version: plugin.version, action: action.digest, params });
  const ask = () => ledger.requestApproval({ plugin: plugin.name, action: action.name, description: action.description, params, binding, requestedBy, expiresAt: clock.now() + action.approvalTtlMs });
  let request = answerTo(input, binding, ledger) ?? (await ask());
  for (;;) {
    switch (request.status) {
      case 'approved':
        return request;
      case 'denied':
        throw new PluginDeniedError(plugin.name, action.name, request);
      case 'expired':
        throw new PluginApprovalExpiredError(plugin.name, action.name, request);
      case 'used': // by another call with the same parameters: each needs an approval of its own
        request = await ask();
        break;
      case 'pending':
        if (input.whenPending === 'refuse') throw new PluginApprovalPendingError(plugin.name, action.name, request);
        await changeOf({ ledger, clock }, request, input.signals);
        request = ledger.approval(request.id);
    }
  }
}

/** The approval that the call waited for, as far as it is still one of this call. What was approved has to be what is done now; a refusal holds whatever the plugin has become. */
function answerTo({ plugin, action, params, requestedBy, approvalId }: ApprovalGateInput, binding: string, ledger: ActionLedger): ApprovalRequest | undefined {
  const known = approvalId === undefined ? undefined : ledger.findApproval(approvalId);
  if (known === undefined || known.status === 'used') return undefined;
  const isOfThisCall = known.plugin === plugin.name && known.action === action.name && known.requestedBy === requestedBy && canonicalJson(known.params) === canonicalJson(params);
  const isOver = known.status === 'denied' || known.status === 'expired';
  return isOfThisCall && (isOver || known.binding === binding) ? known : undefined;
}

/** Resolves when the request was answered or has expired. */
function changeOf({ ledger, clock }: { ledger: ActionLedger; clock: Clock }, { id, expiresAt }: ApprovalRequest, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const stops: (() => void)[] = [];
    const settle = (how: () => void) => {
      for (const stop of stops.splice(0)) stop();
      how();
    };
    stops.push(ledger.watch((changed) => {
      if (changed.id === id && changed.status !== 'pending') settle(resolve);
    }));
    const timer = clock.setTimer(Math.max(0, expiresAt - clock.now()) + 1, () => settle(resolve));
    stops.push(() => timer.cancel());
    for (const signal of signals) {
      const onAbort = () => settle(() => reject(signal.reason as Error));
      signal.addEventListener('abort', onAbort, { once: true });
      stops.push(() => signal.removeEventListener('abort', onAbort));
      if (signal.aborted) onAbort();
    }
    if (ledger.approval(id).status !== 'pending') settle(resolve);
  });
}
