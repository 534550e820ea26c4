export { describeEventBusContract, type OpenEventBus } from './event-bus-contract.ts';
export { describeMessageBusContract, type OpenMessageBus } from './message-bus-contract.ts';
