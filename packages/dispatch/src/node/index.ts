export { terminalChannel, TerminalChannelOptions, type TerminalChannel, type TerminalChannelDependencies } from './terminal/terminal-channel.ts';
