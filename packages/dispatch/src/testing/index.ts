export { describeAgentRegistryContract, type OpenedAgentRegistry } from './agent-registry-contract.ts';
export { describeResponseTrackerContract, type OpenedResponseTracker } from './response-tracker-contract.ts';
export { describeThreadAffinityContract, type OpenedThreadAffinity } from './thread-affinity-contract.ts';
export { describeChannelContract, type OpenedChannel, type SeenInRoom } from './channel-contract.ts';
