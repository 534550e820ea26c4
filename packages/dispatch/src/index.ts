export { TaskPayload, readTaskPayload, writeTaskPayload, type NewTask } from './task/task-payload.ts';
export { MemoryProposal, readTaskResult, TaskResult, writeTaskResult, type TaskResultInput } from './task/task-result.ts';
export { TaskPriority } from './task/task-priority.ts';
export { AGENT_STREAM_PREFIX, AGENTS_GROUP, agentStream, channelStream, DOMAIN_STREAM_PREFIX, domainStream, RESULTS_STREAM, topicStream } from './task/task-streams.ts';
export { extractDiscoveries } from './extract/extract-discoveries.ts';
export { extractMemoryProposals } from './extract/extract-memory-proposals.ts';
export { AgentCard, primaryOf, RegisteredAgentDocument, type AgentCardInput, type AgentInstance, type AgentRegistry, type Announcement, type RegisteredAgent } from './agents/agent-registry.ts';
export { InMemoryAgentRegistry } from './agents/in-memory-agent-registry.ts';
export { AgentPresence, AgentPresenceOptions, type Heartbeat } from './agents/agent-presence.ts';
export { InMemoryThreadAffinity, ThreadAffinityOptions, type ThreadAffinity } from './threads/thread-affinity.ts';
export { InMemoryResponseTracker, ResponseTrackerOptions, type MessageClaim, type ResponseTracker } from './claims/response-tracker.ts';
export type { ChannelMessage, MessageReference } from './channel/channel-message.ts';
export type { AgentActivity, ChannelProvider, MessageSource, ReplyTarget } from './channel/channel-provider.ts';
export { BusChannel } from './channel/bus-channel.ts';
export { ChannelRelay, type ChannelRelayDependencies } from './channel/channel-relay.ts';
export { cancelEvent, TaskClient, TaskClientOptions, type Destination, type TaskClientDependencies } from './client/task-client.ts';
export type { SubmittedTask } from './client/submitted-task.ts';
export type { ReceivedResult, ResultHandler } from './client/result-reader.ts';
export { TaskOutbox, type OutboxTask } from './client/task-outbox.ts';
export { TaskDispatcher, type DispatchResult, type TaskDispatcherDependencies } from './dispatch/task-dispatcher.ts';
export { routeMessage, type Route } from './dispatch/route-message.ts';
export { mentionsIn } from './dispatch/mentions.ts';
export { ContextRuntime, ContextRuntimeOptions } from './context/context-runtime.ts';
export { TaskConsumer, type TaskConsumerDependencies } from './consumer/task-consumer.ts';
export { TaskConsumerOptions, taskConsumerOptionsFromEnvironment, type TaskConsumerSettings } from './consumer/task-consumer-options.ts';
export type { ExecuteOptions, ExecuteTask, TaskContext } from './consumer/task-context.ts';
export { TaskLedger } from './consumer/task-ledger.ts';
export { TaskSource, type JournaledAgent, type TaskOffer, type TaskSourceDependencies } from './source/task-source.ts';
export { TaskReplies, type JournaledOutcome, type TaskRepliesDependencies } from './source/task-replies.ts';
export { EventFeeds, type FedEvent } from './topics/event-feeds.ts';
export { MessageTopics, type MessageOfTopic, type NewTopicMessage } from './topics/message-topics.ts';
export {
  AgentFailedError, ChannelError, ChannelStartError, DispatchError, DispatchStoreError, EmptyAnswerError, MessageConflictError, ResultTimeoutError, TaskCancelledError,
  TaskRefusedError, TasksNotSubmittedError, TaskTimeoutError,
} from './errors.ts';
