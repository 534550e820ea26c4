export { terminalChannel, TerminalChannelOptions, type TerminalChannel, type TerminalChannelDependencies } from './terminal/terminal-channel.ts';
export { httpChannel, type HttpChannel } from './http/http-channel.ts';
export { HttpChannelOptions, type HttpChannelDependencies } from './http/http-channel-options.ts';
export { HttpChannelEvents, HttpChannelProblem, HttpMessageAnswer, HttpMessageRequest, HttpRoomId, type HttpChannelEvent, type HttpChannelEventName } from './http/http-contract.ts';
