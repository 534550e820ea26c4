import { describeError, type Clock, type IdGenerator, type JsonObject, type JsonValue, type Logger, type Timer } from '@cortex-runtime/core';
import type { Journal, JournalEntry, NewJournalEntry } from '@cortex-runtime/journal';

import { ApprovalClosedError, ApprovalNotFoundError } from '../protocol/approval-errors.ts';
import type { PluginResult } from '../protocol/service-plugin.ts';
import type { ApprovalRequest, ApprovalStatus } from './approval-request.ts';
import { ledgerProjection, type ExecutionRecord, type LedgerState } from './ledger-projection.ts';

export interface ActionLedgerDeps {
  journal: Journal;
  clock: Clock;
  createId: IdGenerator;
  logger: Logger;
}

/** What a call is that is about to begin. */
export interface Beginning {
  executionId: string;
  plugin: string;
  version: string;
  action: string;
  paramsHash: string;
  requestedBy: string;
  approvalId?: string;
  operator?: string;
}

/** A person's answer. */
export interface Decision {
  /** Who it is. */
  by: string;
  reason?: string | undefined;
}

/** Entries between two checkpoints: what opening reads stays short. */
const checkpointEvery = 1_000;
/** The wall clock may be set while a request waits: it is looked at this often, as long as one does. */
const maxExpirySleepMs = 60_000;
/** A longer result is not kept for repeated calls; the call counts as done all the same. */
const maxResultChars = 256 * 1024;

/**
 * What plugins were asked to do, and what people said about it: a fold of the entries of one process of a journal.
 *
 * A decision is made and its entry written in one synchronous step, so two of them can not both win; whoever waits for `durable` acts on what will survive a crash.
 */
export class ActionLedger {
  readonly #deps: ActionLedgerDeps;
  readonly #processId: string;
  #state: LedgerState;
  #sinceCheckpoint: number;
  #checkpointing: Promise<void> = Promise.resolve();
  #expiry: Timer | undefined;
  #isClosed = false;
  readonly #listeners = new Set<(approval: ApprovalRequest) => void>();

  private constructor(deps: ActionLedgerDeps, processId: string, state: LedgerState, sinceCheckpoint: number) {
    this.#deps = deps;
    this.#processId = processId;
    this.#state = state;
    this.#sinceCheckpoint = sinceCheckpoint;
  }

  /** Reads what the journal has: the newest checkpoint and what came after it. */
  static async open(deps: ActionLedgerDeps, processId: string): Promise<ActionLedger> {
    const checkpoint = await deps.journal.lastCheckpoint(processId);
    let state = checkpoint === undefined ? ledgerProjection.initial() : (structuredClone(checkpoint.state) as unknown as LedgerState);
    let read = 0;
    for await (const entry of deps.journal.scan(processId, checkpoint === undefined ? {} : { sinceSeq: checkpoint.seq })) {
      state = ledgerProjection.apply(state, entry);
      read += 1;
    }
    const ledger = new ActionLedger(deps, processId, state, read);
    ledger.#armExpiry();
    return ledger;
  }

  /** The answered or waiting request with this binding, if there is one that still counts. */
  openApproval(binding: string): ApprovalRequest | undefined {
    const now = this.#deps.clock.now();
    return Object.values(this.#state.approvals).findLast((each) => each.binding === binding && isOpen(each.status) && each.expiresAt > now);
  }

  /** Asks for an approval, unless the same one is asked for already. */
  async requestApproval(wanted: Omit<ApprovalRequest, 'id' | 'status' | 'requestedAt'>): Promise<ApprovalRequest> {
    const found = this.openApproval(wanted.binding);
    if (found !== undefined) return found;
    const id = this.#deps.createId();
    const { plugin, action, description, params, binding, requestedBy, expiresAt } = wanted;
    await this.#write('plugin_approval_requested', { approval_id: id, plugin, action, description, params, binding, requested_by: requestedBy, expires_at: new Date(expiresAt).toISOString() });
    const made = this.approval(id);
    this.#tell(made);
    this.#armExpiry();
    return made;
  }

  /**
   * Records a person's answer.
   *
   * @throws ApprovalNotFoundError
   * @throws ApprovalClosedError when it was decided before, or is too late
   */
  async decide(id: string, decision: 'approved' | 'denied', { by, reason }: Decision): Promise<ApprovalRequest> {
    const { status } = this.approval(id);
    if (status !== 'pending') throw new ApprovalClosedError(id, status);
    await this.#write('plugin_approval_decided', { approval_id: id, decision, by, ...(reason === undefined ? {} : { reason }) });
    const decided = this.approval(id);
    this.#tell(decided);
    return decided;
  }

  /** @throws ApprovalNotFoundError */
  approval(id: string): ApprovalRequest {
    const found = this.findApproval(id);
    if (found === undefined) throw new ApprovalNotFoundError(id);
    return found;
  }

  findApproval(id: string): ApprovalRequest | undefined {
    const found = Object.hasOwn(this.#state.approvals, id) ? this.#state.approvals[id] : undefined;
    return found === undefined ? undefined : this.#asOfNow(found);
  }

  approvals(status?: ApprovalStatus): ApprovalRequest[] {
    return Object.values(this.#state.approvals).map((each) => this.#asOfNow(each)).filter((each) => status === undefined || each.status === status);
  }

  /** Calls `listener` with each request, each answer, and each request or approval whose time is over. */
  watch(listener: (approval: ApprovalRequest) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  execution(executionId: string): ExecutionRecord | undefined {
    return this.#state.executions[executionId];
  }

  /**
   * Records that a call begins, and with it that its approval is used.
   *
   * @returns false when the approval was used by another call, or has expired, in the meantime; nothing was recorded
   */
  async begin(call: Beginning): Promise<boolean> {
    if (call.approvalId !== undefined && this.approval(call.approvalId).status !== 'approved') return false;
    await this.#write('plugin_action_started', {
      execution_id: call.executionId,
      plugin: call.plugin,
      version: call.version,
      action: call.action,
      params_hash: call.paramsHash,
      requested_by: call.requestedBy,
      ...(call.approvalId === undefined ? {} : { approval_id: call.approvalId }),
      ...(call.operator === undefined ? {} : { operator: call.operator }),
    });
    if (call.approvalId !== undefined) this.#tell(this.approval(call.approvalId));
    return true;
  }

  /** Records how a call ended. `errorCode` is of the error that it ended with. */
  async end(executionId: string, result: PluginResult, errorCode?: string): Promise<void> {
    const kept = JSON.stringify(result).length <= maxResultChars ? result : { success: result.success, content: 'It was done; the result was too long to be kept.', metadata: { result_omitted: true } };
    await this.#write('plugin_action_ended', { execution_id: executionId, result: kept as unknown as JsonObject, ...(errorCode === undefined ? {} : { error_code: errorCode }) });
  }

  /** Records that nothing was done: the call may begin again, under the same approval. */
  async release(executionId: string, reason: string): Promise<void> {
    await this.#write('plugin_action_released', { execution_id: executionId, reason });
  }

  /** Waits for a checkpoint that is being written. Requests whose time is over are recorded at the next opening. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#expiry?.cancel();
    await this.#checkpointing;
  }

  async #write(entryType: string, data: JsonObject): Promise<void> {
    const entry: NewJournalEntry = { processId: this.#processId, entryType, data };
    const { entries, durable } = this.#deps.journal.write([entry]);
    for (const each of entries) this.#state = ledgerProjection.apply(this.#state, each);
    const last = entries.at(-1);
    this.#sinceCheckpoint += 1;
    if (last !== undefined && this.#sinceCheckpoint >= checkpointEvery) this.#checkpoint(last, durable);
    await durable;
  }

  /** `last` is the newest entry that the state holds: this runs in the turn in which it was folded in. */
  #checkpoint(last: JournalEntry, durable: Promise<void>): void {
    this.#sinceCheckpoint = 0;
    const { journal, logger } = this.#deps;
    const state = structuredClone(this.#state) as unknown as JsonValue;
    this.#checkpointing = this.#checkpointing
      .then(() => durable)
      .then(() => journal.checkpoint(this.#processId, { seq: last.seq, hash: last.hash, state }))
      .catch((error: unknown) => logger.warn({ error: describeError(error) }, 'no checkpoint of the plugin ledger'));
  }

  /** One timer, for the request or approval that is due next. That its time is over is recorded: a clock that is set back does not open it again. */
  #armExpiry(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
    if (this.#isClosed) return;
    const { clock, logger } = this.#deps;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const { status, expiresAt } of Object.values(this.#state.approvals)) if (mayExpire(status)) dueAt = Math.min(dueAt, expiresAt);
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(maxExpirySleepMs, Math.max(0, dueAt - clock.now()));
    this.#expiry = clock.setTimer(waitMs, () => {
      this.#expireDue()
        .then(() => this.#armExpiry())
        .catch((error: unknown) => logger.warn({ error: describeError(error) }, 'that approvals have expired could not be recorded'));
    }, { keepAlive: false });
  }

  async #expireDue(): Promise<void> {
    const now = this.#deps.clock.now();
    for (const { id, status, expiresAt } of Object.values(this.#state.approvals)) {
      if (!mayExpire(status) || expiresAt > now || !mayExpire(this.#state.approvals[id]?.status)) continue;
      await this.#write('plugin_approval_expired', { approval_id: id });
      this.#tell(this.approval(id));
    }
  }

  #asOfNow(approval: ApprovalRequest): ApprovalRequest {
    const isOver = mayExpire(approval.status) && approval.expiresAt <= this.#deps.clock.now();
    return isOver ? { ...approval, status: 'expired' } : approval;
  }

  #tell(approval: ApprovalRequest): void {
    for (const listener of [...this.#listeners]) listener(approval);
  }
}

const mayExpire = (status: ApprovalStatus | undefined): boolean => status === 'pending' || status === 'approved';

/** A denial counts until its request would have expired: asking again at once would only wear people out. */
const isOpen = (status: ApprovalStatus): boolean => status === 'pending' || status === 'approved' || status === 'denied';
