export { systemProcessTable } from './process-table.ts';
