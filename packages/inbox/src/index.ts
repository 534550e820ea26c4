export { InboxConfig } from './config/index.ts';
