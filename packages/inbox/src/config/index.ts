export { InboxConfig } from './inbox-config.ts';
