export { fixedClock, seededRandom, type FixedClock } from '@cortex-runtime/core/testing';
export { simulatedDisk, type DiskFault, type DiskOperation, type SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts';
export { runWithSyscallFaults, syscallFaultsUnavailable, type FaultyRun, type SyscallFault } from './syscall-faults.ts';
