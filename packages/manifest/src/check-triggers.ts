import { EnvironmentVariableNotFoundError, formatPath, hasReferences, resolveDocument, type DocumentIssue, type Environment } from '@cortex-runtime/core';
import { triggerIdOf, validateTriggerConfig, type TriggerConfig, type TriggerRegistry } from '@cortex-runtime/triggers';

export interface CheckTriggersOptions {
  environment?: Environment;
  /** The trigger types that exist, where they are not those of `registerTriggerType`. */
  triggerRegistry?: TriggerRegistry;
}

/**
 * What needs a parser in a manifest's triggers (cron expressions, zones, filters, addresses), and ids that two of them share.
 *
 * References are looked up for the check only, as far as the environment has them; what is kept stays a reference. A text whose variable is not set here is
 * checked when the trigger is started.
 *
 * @param place - where the triggers stand: `triggers` or `config.triggers`
 */
export function checkTriggers(triggers: readonly TriggerConfig[], place: readonly string[], { environment = {}, triggerRegistry }: CheckTriggersOptions): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  const placeById = new Map<string, string>();
  for (const [index, trigger] of triggers.entries()) {
    const at = [...place, index];
    const { config, isUnresolved } = resolveTexts(trigger, environment);
    for (const { segments, message } of validateTriggerConfig(config, triggerRegistry)) {
      if (!isUnresolved.has(String(segments[0]))) issues.push({ segments: [...at, ...segments], path: formatPath([...at, ...segments]), message });
    }
    if (triggers.length === 1) continue;
    const id = triggerIdOf(trigger);
    const first = placeById.get(id);
    if (first === undefined) placeById.set(id, formatPath(at));
    else issues.push({ segments: at, path: formatPath(at), message: `${trigger.id === undefined ? `is the same as ${first}` : `has the id ${id} of ${first}`}; give it an id of its own, or remove it` });
  }
  return issues;
}

/** The trigger with what is known of its references, and the document names of the fields where something is not. */
function resolveTexts(trigger: TriggerConfig, environment: Environment): { config: TriggerConfig; isUnresolved: Set<string> } {
  const isUnresolved = new Set<string>();
  const resolved: [string, unknown][] = Object.entries(trigger).map(([key, value]) => {
    // The secret is nobody's business before it is used.
    if (key === 'hmacSecret' || !holdsReferences(value)) return [key, value];
    try {
      return [key, resolveDocument(value, environment)];
    } catch (error) {
      if (!(error instanceof EnvironmentVariableNotFoundError)) throw error;
      isUnresolved.add(key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
      return [key, value];
    }
  });
  return { config: Object.fromEntries(resolved) as TriggerConfig, isUnresolved };
}

function holdsReferences(value: unknown): boolean {
  return typeof value === 'string' ? hasReferences(value) : Array.isArray(value) && value.some((item) => typeof item === 'string' && hasReferences(item));
}
