import { assertJsonValue, describeError, InvalidInputError, type JsonObject } from '@cortex-runtime/core';

import { canonicalJson } from '../canonical-json.ts';
import { PluginValidationError } from '../protocol/plugin-errors.ts';
import { validateArguments } from '../validate-arguments.ts';
import type { RegisteredAction } from './registered-action.ts';

/**
 * A copy of the parameters that fits the action's schema. It is what is hashed, approved and executed, whatever the caller does with the original meanwhile.
 *
 * @throws PluginValidationError with the path of each problem
 */
export function exactParams(plugin: string, action: RegisteredAction, given: unknown): JsonObject {
  const params = plainObject(plugin, action.name, given);
  const valid = validateArguments({ name: `${plugin}.${action.name}`, inputSchema: action.inputSchema }, params);
  if (!valid.ok) throw new PluginValidationError(plugin, action.name, valid.message, valid.issues);
  return params;
}

function plainObject(plugin: string, action: string, given: unknown): JsonObject {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new PluginValidationError(plugin, action, 'the parameters must be an object', [{ path: '', problem: 'must be an object' }]);
  }
  try {
    assertJsonValue(given, 'params');
  } catch (error) {
    const path = error instanceof InvalidInputError ? error.field.replace(/^params\.?/, '') : '';
    throw new PluginValidationError(plugin, action, `the parameters are not JSON: ${describeError(error)}`, [{ path, problem: describeError(error).replace(/^[^:]*: /, '') }], { cause: error });
  }
  return JSON.parse(canonicalJson(given as JsonObject)) as JsonObject;
}
