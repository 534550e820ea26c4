import type { ScriptCondition, ScriptRule } from './script.ts';
import type { ScriptScene } from './script-scene.ts';

/** The first rule that applies. */
export function matchRule(rules: readonly ScriptRule[], scene: ScriptScene): ScriptRule | undefined {
  return rules.find((rule) => applies(rule.when, scene));
}

function applies(when: ScriptCondition, scene: ScriptScene): boolean {
  const last = scene.fresh.at(-1);
  const speaksOfResults = when.afterTool !== undefined || when.toolResultContains !== undefined || when.toolFailed !== undefined;
  // Without this a plain rule would answer the result of its own tool call with the same tool call, for ever.
  if (!speaksOfResults && when.turn === undefined && scene.fresh.length > 0) return false;
  if (when.turn !== undefined && when.turn !== scene.turn) return false;
  if (when.triggerType !== undefined && !list(when.triggerType).includes(scene.triggerType ?? '')) return false;
  if (when.userContains !== undefined && !holdsAll(scene.user, list(when.userContains))) return false;
  if (when.afterTool !== undefined) {
    const names = list(when.afterTool);
    if (!scene.fresh.some((result) => names.includes('any') || names.includes(result.toolName))) return false;
  }
  if (when.toolResultContains !== undefined && (last === undefined || !holdsAll(last.content, list(when.toolResultContains)))) return false;
  if (when.toolFailed !== undefined && (last === undefined || (last.isError === true) !== when.toolFailed)) return false;
  return true;
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

function holdsAll(text: string, wanted: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return wanted.every((each) => lower.includes(each.toLowerCase()));
}
