import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import { jsonOrText, type ScriptScene } from './script-scene.ts';

/**
 * Fills the `{{ }}` places of a template. A text that is one place only becomes the value itself; within a longer text values are written out.
 *
 * Places: `payload`, `payload.a.b`, `result` (the last tool result), `result.a.b` when it is JSON, `results.TOOL.a`, `user`, `turn`, `run.run_id`,
 * `run.process_name`; filters after `|`: `json`, `lines N`, `words N`, `chars N`, `default TEXT`. What is not there is an empty text.
 */
export function fillPlaces(template: JsonValue, scene: ScriptScene): JsonValue {
  if (typeof template === 'string') return fillText(template, scene);
  if (Array.isArray(template)) return template.map((item: JsonValue) => fillPlaces(item, scene));
  if (typeof template === 'object' && template !== null) {
    return Object.fromEntries(Object.entries(template as JsonObject).map(([key, value]) => [key, value === undefined ? null : fillPlaces(value, scene)]));
  }
  return template;
}

const place = /\{\{\s*([^{}]*?)\s*\}\}/g;

function fillText(template: string, scene: ScriptScene): JsonValue {
  const only = /^\{\{\s*([^{}]*?)\s*\}\}$/.exec(template);
  if (only !== null) return valueOf(only[1] ?? '', scene) ?? '';
  return template.replaceAll(place, (_whole, inside: string) => written(valueOf(inside, scene)));
}

/** The same, always as text. */
export function fillPlacesAsText(template: string, scene: ScriptScene): string {
  return template.replaceAll(place, (_whole, inside: string) => written(valueOf(inside, scene)));
}

function valueOf(inside: string, scene: ScriptScene): JsonValue | undefined {
  const [path = '', ...filters] = inside.split('|').map((part) => part.trim());
  return filters.reduce<JsonValue | undefined>(applyFilter, lookUp(path, scene));
}

function lookUp(path: string, scene: ScriptScene): JsonValue | undefined {
  const [root = '', ...keys] = path.split('.');
  switch (root) {
    case 'payload':
      return dig(scene.payload, keys);
    case 'result': {
      const last = scene.results.at(-1)?.content;
      return last === undefined ? undefined : keys.length === 0 ? last : dig(jsonOrText(last), keys);
    }
    case 'results': {
      const [tool, ...rest] = keys;
      const found = scene.results.findLast((result) => result.toolName === tool)?.content;
      return found === undefined ? undefined : rest.length === 0 ? found : dig(jsonOrText(found), rest);
    }
    case 'user':
      return scene.user;
    case 'turn':
      return scene.turn;
    case 'run':
      return keys[0] === 'run_id' ? scene.run?.runId : keys[0] === 'process_name' ? scene.run?.processName : undefined;
    default:
      return undefined;
  }
}

function dig(value: JsonValue | undefined, keys: readonly string[]): JsonValue | undefined {
  let current = value;
  for (const key of keys) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as JsonObject)[key];
  }
  return current;
}

function applyFilter(value: JsonValue | undefined, filter: string): JsonValue | undefined {
  const [name = '', ...rest] = filter.split(/\s+/);
  const amount = Number(rest[0]);
  switch (name) {
    case 'json':
      return value === undefined ? undefined : JSON.stringify(value);
    case 'lines':
      return written(value).split('\n').slice(0, amount).join('\n');
    case 'words': {
      const words = written(value).split(/\s+/).filter((word) => word !== '');
      return words.length > amount ? `${words.slice(0, amount).join(' ')} …` : words.join(' ');
    }
    case 'chars':
      return written(value).slice(0, amount);
    case 'default':
      return value === undefined || value === '' ? rest.join(' ') : value;
    default:
      return value;
  }
}

function written(value: JsonValue | undefined): string {
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** Problems of the places in a template: an unknown root or filter is a mistake of the author, told when the script is read. */
export function misplaced(template: string): string | undefined {
  for (const [, inside = ''] of template.matchAll(place)) {
    const [path = '', ...filters] = inside.split('|').map((part) => part.trim());
    const root = path.split('.')[0] ?? '';
    if (!['payload', 'result', 'results', 'user', 'turn', 'run'].includes(root)) return `{{${inside}}} starts with ${JSON.stringify(root)}; places are payload, result, results, user, turn and run`;
    for (const filter of filters) {
      if (!/^(json|default( .*)?|(lines|words|chars) \d+)$/.test(filter)) return `{{${inside}}} has the unknown filter ${JSON.stringify(filter)}; filters are json, lines N, words N, chars N and default TEXT`;
    }
  }
  return undefined;
}
