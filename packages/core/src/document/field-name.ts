import type { z } from 'zod';

import { durationRegistry, type DurationMeta } from '../duration.ts';

/** A schema of any kind, as the walkers see it. */
export type AnySchema = z.core.$ZodType;

/** The name that a camelCase field has in documents: `maxRestarts` is `max_restarts`; a duration loses its unit suffix: `idleTimeoutMs` is `idle_timeout`. */
export function documentFieldName(key: string, schema: AnySchema): string {
  const meta = durationMeta(schema);
  if (meta === undefined) return snakeCase(key);
  if (meta.name !== undefined) return meta.name;
  const base = snakeCase(key.replace(/Ms$/, ''));
  return meta.unit === 'h' ? `${base}_hours` : meta.unit === 'ms' ? `${base}_ms` : base;
}

/** The unit that a schema's document form is counted in, when it is a duration (looked up through optional, default and the like). */
export function durationMeta(schema: AnySchema): DurationMeta | undefined {
  const meta = durationRegistry.get(unwrap(schema) as z.ZodType);
  return meta === undefined || meta.unit === undefined ? undefined : meta;
}

/** The schema inside optional, nullable, default, prefault, catch, readonly, nonoptional and the input side of a pipe. */
export function unwrap(schema: AnySchema): AnySchema {
  let current = schema;
  for (;;) {
    const def = current._zod.def as { type: string; innerType?: AnySchema; in?: AnySchema; out?: AnySchema; getter?: () => AnySchema };
    if (def.innerType !== undefined) current = def.innerType;
    else if (def.type === 'pipe' && def.in !== undefined && def.out !== undefined) {
      const input = def.in._zod.def.type;
      current = input === 'transform' ? def.out : def.in;
    } else if (def.type === 'lazy' && def.getter !== undefined) current = def.getter();
    else return current;
  }
}

/** A field of an object schema. */
export interface DocumentField {
  key: string;
  schema: AnySchema;
}

/** Schemas do not change, so their fields are worked out once: this is most of the time that reading a document takes. */
const fieldsOfShape = new WeakMap<object, Map<string, DocumentField>>();

/** The fields of an object schema by their document name. */
export function documentFields(shape: Record<string, AnySchema>): ReadonlyMap<string, DocumentField> {
  const known = fieldsOfShape.get(shape);
  if (known !== undefined) return known;
  const fields = new Map<string, DocumentField>();
  for (const [key, schema] of Object.entries(shape)) fields.set(documentFieldName(key, schema), { key, schema });
  fieldsOfShape.set(shape, fields);
  return fields;
}

const namesOfShape = new WeakMap<object, Map<string, string>>();

/** The document names of the fields of an object schema by their key. */
export function documentNames(shape: Record<string, AnySchema>): ReadonlyMap<string, string> {
  const known = namesOfShape.get(shape);
  if (known !== undefined) return known;
  const names = new Map([...documentFields(shape)].map(([name, { key }]) => [key, name]));
  namesOfShape.set(shape, names);
  return names;
}

/** The definition of a schema with the properties that the walkers read. */
export interface SchemaDefinition {
  type: string;
  shape?: Record<string, AnySchema>;
  catchall?: AnySchema;
  element?: AnySchema;
  valueType?: AnySchema;
  options?: readonly AnySchema[];
  discriminator?: string;
  items?: readonly AnySchema[];
  left?: AnySchema;
  right?: AnySchema;
}

export function definitionOf(schema: AnySchema): SchemaDefinition {
  return schema._zod.def as unknown as SchemaDefinition;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

/** Sets an own property of a plain object, also `__proto__`, which assignment would swallow. Assignment lets objects with the same keys share their shape. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function snakeCase(key: string): string {
  return key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}
