import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { verifyJournal } from '@cortex-runtime/journal';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { dataDirectoryOf } from '../connect.ts';
import { CommandError } from '../errors.ts';

/** `cortex verify [DIR]`. */
export async function verifyCommand(context: CommandContext, directory: string | undefined, options: SharedOptions & { repair?: boolean }): Promise<number> {
  void [existsSync, resolve, nodeDisk, systemClock, systemRandom, verifyJournal, show, dataDirectoryOf, CommandError, context, directory, options];
  return 0;
}
