export { ErrorReply } from './errors-contract.ts';
export { HealthReply, ReadyReply } from './health-contract.ts';
export { ControlReply, ProcessList, ProcessStateName, ProcessStatus, TriggerList } from './process-contract.ts';
export { LogsReply, RuntimeStatus, ShutdownReply, StartAllReport, StopAllReport } from './runtime-contract.ts';
export { ClearDeadLettersReply, DeadLetterList, InjectReply, InjectRequest, RedeliverReply, RedeliverRequest } from './events-contract.ts';
export { EffectResolution, ResolveReply, ResolveRequest, WaitingEffectList } from './effects-contract.ts';
export { JournalEntryReply, JournalReply, JournalRequest } from './journal-contract.ts';
export { StreamUpdate } from './stream-contract.ts';
