export { describeEventBusContract } from './event-bus-contract.ts';
export { describeMessageBusContract, type OpenMessageBus } from './message-bus-contract.ts';
