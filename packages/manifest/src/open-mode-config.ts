import { z } from 'zod';

/** How far an agent in open mode may change itself. */
export const OpenModeConfig = z.strictObject({
  allowIdentityChange: z.boolean().default(true).describe('May modify its own instructions.'),
  allowToolCreation: z.boolean().default(true).describe('May define tools.'),
  allowMcpConnect: z.boolean().default(true).describe('May connect to MCP servers.'),
  allowTriggerManagement: z.boolean().default(true).describe('May add and remove triggers.'),
  allowMemoryManagement: z.boolean().default(true).describe('May store, search and forget memories.'),
  maxCustomTools: z.int().min(0).default(20),
  maxDynamicTriggers: z.int().min(0).default(10),
  maxInstructionLength: z.int().min(100).default(10_000).describe('Characters.'),
  maxRebuilds: z.int().min(0).optional().describe('Rebuilds per lifetime; unlimited when left out.'),
  allowedMcpUrls: z.array(z.string()).default([]).describe('URLs it may connect to; empty is any.'),
  sandboxCustomTools: z.boolean().default(true).describe('Run tools that it wrote in the sandbox.'),
  allowProcessSpawn: z.boolean().default(false).describe('May start other processes.'),
  maxSpawnedProcesses: z.int().min(0).default(3),
});
export type OpenModeConfig = z.output<typeof OpenModeConfig>;
