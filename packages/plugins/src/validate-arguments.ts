import { nearestName, shapeOf, type JsonObject } from '@cortex-runtime/core';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

import { ToolSchemaInvalidError } from './errors.ts';
import type { Tool } from './tool.ts';

/** One place that does not fit. */
export interface ArgumentIssue {
  /** Dotted; empty for the arguments as a whole. */
  path: string;
  problem: string;
}

/** Arguments that fit, or what is wrong with them in words that a model can act on. */
export type ArgumentsResult = { ok: true } | { ok: false; message: string; issues: readonly ArgumentIssue[] };

/** More would only fill the context of the model. */
const maxProblems = 5;

const ajvOptions = { allErrors: true, strict: false, validateFormats: false, addUsedSchema: false, logger: false } as const;
const draft07 = new Ajv(ajvOptions);
const draft2020 = new Ajv2020(ajvOptions);
const compiled = new WeakMap<JsonObject, ValidateFunction>();

/**
 * Checks arguments against the tool's schema. Nothing is coerced and no default is filled in: what the model wrote is what the tool gets.
 *
 * @throws ToolSchemaInvalidError when the schema itself is unusable
 */
export function validateArguments(tool: Pick<Tool, 'name' | 'inputSchema'>, args: JsonObject): ArgumentsResult {
  const validate = validatorOf(tool);
  if (validate(args)) return { ok: true };
  const errors = bestErrors(validate.errors ?? []);
  const issues = new Map(errors.map((error) => {
    const issue = describe(error, tool.inputSchema, args);
    return [issue.line, { path: issue.path, problem: issue.problem }] as const;
  }));
  const lines = [...issues.keys()];
  const more = lines.length > maxProblems ? [`and ${lines.length - maxProblems} more`] : [];
  return { ok: false, message: `The arguments of ${tool.name} do not fit its schema: ${[...lines.slice(0, maxProblems), ...more].join('; ')}.`, issues: [...issues.values()] };
}

/** @throws ToolSchemaInvalidError when the schema can not be compiled */
export function assertUsableSchema(tool: Pick<Tool, 'name' | 'inputSchema'>): void {
  validatorOf(tool);
}

function validatorOf(tool: Pick<Tool, 'name' | 'inputSchema'>): ValidateFunction {
  const known = compiled.get(tool.inputSchema);
  if (known !== undefined) return known;
  const { $schema: dialect, ...schema } = tool.inputSchema;
  try {
    const ajv = typeof dialect === 'string' && /draft-0[4-7]/.test(dialect) ? draft07 : draft2020;
    const validate = ajv.compile(schema);
    compiled.set(tool.inputSchema, validate);
    return validate;
  } catch (error) {
    throw new ToolSchemaInvalidError(tool.name, (error as Error).message, { cause: error });
  }
}

/** Of a failed union the branches' errors only confuse; the deepest ones say what was meant. */
function bestErrors(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const plain = errors.filter((error) => error.keyword !== 'anyOf' && error.keyword !== 'oneOf' && error.keyword !== 'if');
  return plain.length > 0 ? plain : errors;
}

function describe(error: ErrorObject, schema: JsonObject, args: JsonObject): ArgumentIssue & { line: string } {
  const path = error.instancePath.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
  const params = error.params as Record<string, unknown>;
  const below = (name: string) => (path === '' ? name : `${path}.${name}`);
  const prefix = path === '' ? '' : `${path}: `;
  switch (error.keyword) {
    case 'required': {
      const name = String(params['missingProperty']);
      return { path: below(name), problem: 'is missing', line: `${prefix}${name} is missing` };
    }
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      const known = path === '' ? Object.keys((schema['properties'] ?? {}) as object) : [];
      const near = nearestName(name, known);
      const problem = `is not an argument${near !== undefined ? ` (did you mean ${near}?)` : known.length > 0 ? `; arguments are ${known.join(', ')}` : ''}`;
      return { path: below(name), problem, line: `${prefix}${name} ${problem}` };
    }
    default: {
      const problem = valueProblem(error, params, args);
      return { path, problem, line: `${prefix}${problem}` };
    }
  }
}

function valueProblem(error: ErrorObject, params: Record<string, unknown>, args: JsonObject): string {
  if (error.keyword === 'enum') return `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 200)}`;
  if (error.keyword === 'type') return `${error.message ?? 'has the wrong type'}, got ${shapeOf(valueAt(args, error.instancePath))}`;
  return (error.message ?? error.keyword).slice(0, 200);
}

function valueAt(args: unknown, pointer: string): unknown {
  let current = args;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return current;
}
