export { nodeRootedFolder } from './node-rooted-folder.ts';
