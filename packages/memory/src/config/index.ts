export { MemoryAccess } from './memory-access.ts';
