import { CortexError, describeError, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';

import { ActionTier } from '../action-tier.ts';
import { digestOf } from '../canonical-json.ts';
import type { GuardedCredentials } from '../credentials/guarded-credentials.ts';
import type { OperatorAuthority } from '../credentials/operator-tokens.ts';
import { ToolOutcomeUnknownError } from '../errors.ts';
import type { ActionLedger } from '../ledger/action-ledger.ts';
import type { ExecutionRecord } from '../ledger/ledger-projection.ts';
import { OperatorRequiredError } from '../protocol/approval-errors.ts';
import { PluginActionError, PluginCallConflictError } from '../protocol/plugin-errors.ts';
import type { PluginResult, ServicePlugin } from '../protocol/service-plugin.ts';
import type { OnUnknown } from '../tool.ts';
import type { ActionLimiter } from './action-limiter.ts';
import { approvalFor } from './approval-gate.ts';
import { callPlugin, type PluginCall } from './call-plugin.ts';
import { exactParams } from './exact-params.ts';
import type { PluginSlot } from './plugin-slot.ts';
import { readResult } from './read-result.ts';
import type { RegisteredAction } from './registered-action.ts';

/** How one call is made. */
export interface ExecuteOptions {
  /** The agent or person on whose behalf it is; approvals are bound to it. Default `direct`. */
  requestedBy?: string | undefined;
  /** A call with a key that was used before is served what was recorded. A new one when left out. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  /** For actions of the ADMIN tier. */
  operatorCredential?: string | undefined;
  /** For actions of the CONFIRM tier: `wait` (default) until a person has answered, or `refuse` with PluginApprovalPendingError at once. */
  whenPending?: 'wait' | 'refuse' | undefined;
  /** For actions of the CONFIRM tier: the approval that this call waited for, as PluginApprovalPendingError named it. Its answer counts, also that nobody gave one. */
  approvalId?: string | undefined;
  /** What is done when this call began before and nobody knows how it ended; the action's own when left out. */
  onUnknown?: OnUnknown | undefined;
  /** The caller keeps a journal of its own of intents and outcomes: actions of the AUTO tier are not recorded twice. */
  isRecordedByCaller?: boolean | undefined;
}

export interface RunActionDeps {
  clock: Clock;
  createId: IdGenerator;
  ledger: () => Promise<ActionLedger>;
  operators: OperatorAuthority | undefined;
  /** Calls under way by their execution id, so that the same call is not begun twice at a time. */
  underWay: Map<string, { paramsHash: string; result: Promise<PluginResult> }>;
}

/** An action with what it runs in. */
export interface RunnableAction {
  plugin: ServicePlugin;
  slot: PluginSlot;
  credentials: GuardedCredentials;
  action: RegisteredAction;
  limiter: ActionLimiter;
}

/** validate → tier → record that it begins → call → record how it ended. Nothing of the plugin runs before the last two gates are open. */
export async function runAction(deps: RunActionDeps, target: RunnableAction, given: unknown, options: ExecuteOptions): Promise<PluginResult> {
  const { plugin, action, slot } = target;
  const params = exactParams(plugin.name, action, given);
  const operator = action.tier === ActionTier.ADMIN ? await operatorOf(deps, target, options) : undefined;
  const call: PluginCall = {
    plugin,
    action,
    params,
    idempotencyKey: options.idempotencyKey ?? deps.createId(),
    requestedBy: options.requestedBy ?? 'direct',
    signals: [slot.closing, ...(options.signal === undefined ? [] : [options.signal])],
  };
  const isRecorded = action.tier !== ActionTier.AUTO || (!action.isReadOnly && options.isRecordedByCaller !== true);
  if (!isRecorded) {
    return slot.use(async () => {
      const leave = await enter(target, options);
      return callPlugin({ clock: deps.clock, ...target }, call).finally(leave);
    });
  }

  const executionId = executionIdOf(call);
  const paramsHash = digestOf(params);
  const same = deps.underWay.get(executionId);
  if (same !== undefined && same.paramsHash !== paramsHash) throw new PluginCallConflictError(plugin.name, action.name, call.idempotencyKey);
  if (same !== undefined) return same.result;
  const result = runRecorded(deps, target, call, { executionId, paramsHash, operator }, options).finally(() => deps.underWay.delete(executionId));
  deps.underWay.set(executionId, { paramsHash, result });
  return result;
}

/** Whether a recorded call with this key happened, asked after a crash. Throws when nobody knows. */
export async function probeAction(deps: RunActionDeps, target: RunnableAction, given: unknown, options: { idempotencyKey: string; requestedBy: string; signal: AbortSignal }): Promise<{ happened: true; result: PluginResult } | { happened: false }> {
  const { plugin, action } = target;
  const call: PluginCall = { plugin, action, params: exactParams(plugin.name, action, given), ...options, signals: [options.signal] };
  if (action.tier === ActionTier.AUTO) return askPlugin(target, call, options.signal);
  const record = (await deps.ledger()).execution(executionIdOf(call));
  if (record === undefined || record.ending?.kind === 'released') return { happened: false };
  if (record.ending !== undefined) return { happened: true, result: record.ending.result };
  if (action.onUnknown === 'retry') return { happened: false };
  return askPlugin(target, call, options.signal);
}

async function runRecorded(
  deps: RunActionDeps,
  target: RunnableAction,
  call: PluginCall,
  { executionId, paramsHash, operator }: { executionId: string; paramsHash: string; operator: string | undefined },
  options: ExecuteOptions,
): Promise<PluginResult> {
  const { plugin, action, slot } = target;
  const ledger = await deps.ledger();
  for (;;) {
    const before = ledger.execution(executionId);
    if (before !== undefined && before.paramsHash !== paramsHash) throw new PluginCallConflictError(plugin.name, action.name, call.idempotencyKey);
    if (before?.ending?.kind === 'ended') return served(call, before.ending);
    const isRepeat = before !== undefined && before.ending === undefined;
    if (isRepeat) {
      const known = await settleUnknown(target, call, options);
      if (known !== undefined) {
        await ledger.end(executionId, known);
        return known;
      }
    }
    // A call that began has used its approval; it is that one call, however often it is attempted.
    const approval = action.tier === ActionTier.CONFIRM && !isRepeat
      ? await approvalFor({ ledger, clock: deps.clock }, { plugin, action, params: call.params, requestedBy: call.requestedBy, approvalId: options.approvalId, whenPending: options.whenPending ?? 'wait', signals: call.signals })
      : undefined;
    const result = await slot.use(async () => {
      const leave = await enter(target, options);
      try {
        const { name, version } = plugin;
        const begun = isRepeat || await ledger.begin({
          executionId, plugin: name, version, action: action.name, paramsHash, requestedBy: call.requestedBy,
          ...(approval === undefined ? {} : { approvalId: approval.id }),
          ...(operator === undefined ? {} : { operator }),
        });
        return begun ? await callAndRecord(deps, ledger, target, call, executionId) : undefined;
      } finally {
        leave();
      }
    });
    if (result !== undefined) return result;
  }
}

async function callAndRecord(deps: RunActionDeps, ledger: ActionLedger, target: RunnableAction, call: PluginCall, executionId: string): Promise<PluginResult> {
  let result: PluginResult;
  try {
    result = await callPlugin({ clock: deps.clock, ...target }, call);
  } catch (error) {
    if (!CortexError.is(error) || error.code === 'TOOL_OUTCOME_UNKNOWN') throw error; // no ending: nobody knows
    if (error.retryable) await ledger.release(executionId, describeError(error));
    else await ledger.end(executionId, { success: false, error: describeError(error) }, error.code);
    throw error;
  }
  await ledger.end(executionId, result);
  return result;
}

async function enter({ slot, limiter, action }: RunnableAction, { signal }: ExecuteOptions): Promise<() => void> {
  await slot.ensureReady(signal);
  return limiter.enter(action, signal ?? slot.closing);
}

/** The result when it can be found out; undefined when the call may be made again. */
async function settleUnknown(target: RunnableAction, call: PluginCall, { onUnknown = target.action.onUnknown, signal }: ExecuteOptions): Promise<PluginResult | undefined> {
  if (onUnknown === 'retry') return undefined;
  if (onUnknown === 'ask') throw unknownOutcome(call);
  const found = await askPlugin(target, call, signal ?? target.slot.closing);
  return found.happened ? found.result : undefined;
}

async function askPlugin({ plugin, slot, credentials, action }: RunnableAction, call: PluginCall, signal: AbortSignal): Promise<{ happened: true; result: PluginResult } | { happened: false }> {
  const probe = plugin.probeAction?.bind(plugin);
  if (probe === undefined || action.onUnknown !== 'probe') throw unknownOutcome(call);
  return slot.use(async () => {
    await slot.ensureReady(signal);
    try {
      const found = await probe(action.name, structuredClone(call.params), { idempotencyKey: call.idempotencyKey, requestedBy: call.requestedBy, signal });
      if (!found.happened) return { happened: false };
      return { happened: true, result: credentials.scrubJson(readResult(`${plugin.name}.${action.name}`, action.isReadOnly, found.result) as unknown as JsonObject) as unknown as PluginResult };
    } catch (error) {
      credentials.scrubError(error);
      throw CortexError.is(error) ? error : unknownOutcome(call, error);
    }
  });
}

async function operatorOf({ operators }: RunActionDeps, { plugin, action }: RunnableAction, { operatorCredential }: ExecuteOptions): Promise<string> {
  if (operatorCredential === undefined) throw new OperatorRequiredError(plugin.name, action.name);
  if (operators === undefined) throw new OperatorRequiredError(plugin.name, action.name, 'is for operators, and this registry knows none');
  const operator = await operators.verify(operatorCredential);
  if (operator === undefined) throw new OperatorRequiredError(plugin.name, action.name, "the credential is no operator's");
  return operator.name;
}

function served({ plugin, action }: PluginCall, ending: Extract<NonNullable<ExecutionRecord['ending']>, { kind: 'ended' }>): PluginResult {
  if (ending.errorCode !== undefined) throw new PluginActionError(plugin.name, action.name, `failed before, and is not done again: ${ending.result.error ?? ending.errorCode}`);
  return ending.result;
}

const executionIdOf = ({ plugin, action, idempotencyKey, requestedBy }: PluginCall): string => digestOf([requestedBy, plugin.name, action.name, idempotencyKey]);

const unknownOutcome = ({ plugin, action, idempotencyKey }: PluginCall, cause?: unknown): ToolOutcomeUnknownError =>
  new ToolOutcomeUnknownError(`${plugin.name}.${action.name}`, `it began before, under the idempotency key ${JSON.stringify(idempotencyKey)}, and its ending was never recorded; find out, then call again with onUnknown "retry" or not at all`, cause === undefined ? {} : { cause });
