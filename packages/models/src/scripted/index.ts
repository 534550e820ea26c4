export { fromScript, scriptedModel, scriptedNotice } from './scripted-model.ts';
export { ModelScript, ScriptCondition, ScriptResponse, ScriptRule } from './script.ts';
