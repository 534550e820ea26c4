import { describeError, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { PluginHealthStatus, type ActionCall, type PluginSetupContext, type ServicePlugin } from '@cortex-runtime/plugins';

import { fakeCredentialBroker } from './fake-credential-broker.ts';
import { openPluginTestKit } from './open-plugin-test-kit.ts';

export interface PluginProblemsOptions {
  /** With these, setup succeeds. */
  credentials?: Readonly<Record<string, string>>;
  /** What the operator sets for the plugin; it comes with `setup`. */
  settings?: JsonObject;
  /** Parameters by action: each of these calls must succeed. */
  examples?: Readonly<Record<string, JsonObject>>;
}

/** Shorter values are found everywhere by chance. */
const minSecretLength = 6;

/**
 * What a plugin gets wrong, in sentences; nothing when it keeps every rule that can be checked from outside: for any test runner.
 *
 * @param makePlugin - a new plugin each time
 */
export async function pluginProblems(makePlugin: () => ServicePlugin, options: PluginProblemsOptions = {}): Promise<string[]> {
  const { credentials = {}, settings = {}, examples = {} } = options;
  const context = { signal: new AbortController().signal, settings };
  const problems: string[] = [];
  const check = async (what: string, work: () => Promise<string | undefined> | string | undefined) => {
    try {
      const problem = await work();
      if (problem !== undefined) problems.push(`${what}: ${problem}`);
    } catch (error) {
      problems.push(`${what}: ${describeError(error)}`);
    }
  };

  const plugin = makePlugin();
  await check('registering', async () => {
    const kit = await openPluginTestKit(makePlugin());
    await kit.close();
    return undefined;
  });
  if (problems.length > 0) return problems;
  if (plugin.description.trim() === '') problems.push('the plugin has no description');
  const actions = plugin.hasChangingActions === true ? [] : await plugin.listActions();
  for (const { name, description } of actions) if ((description ?? '').trim() === '') problems.push(`action ${name} has no description, which is all that a model knows of it`);
  for (const name of Object.keys(examples)) if (plugin.hasChangingActions !== true && !actions.some((each) => each.name === name)) problems.push(`the example ${name} is of no action`);

  await check('setup after a failure', () => setupAgain(makePlugin(), credentials, context));
  await check('health before setup', async () => healthProblem(makePlugin(), await settled(makePlugin().health())));
  await check('setup', async () => void (await plugin.setup(fakeCredentialBroker(credentials), context)));
  if (problems.some((problem) => problem.startsWith('setup:'))) return problems;

  await check('health', async () => {
    const report = await settled(plugin.health());
    return healthProblem(plugin, report) ?? leak(report, credentials);
  });
  await check('an unknown action', async () => {
    const answer = await settled((async () => plugin.executeAction('no_such_action', {}, call()))());
    if (answer instanceof Error) return leak(answer, credentials);
    return (answer as { success?: unknown } | undefined)?.success === false ? undefined : 'is not refused';
  });
  const kit = await openPluginTestKit(makePlugin(), { credentials, settings });
  for (const [action, params] of Object.entries(examples)) {
    await check(`example ${action}`, async () => {
      const raw = await settled((async () => plugin.executeAction(action, structuredClone(params), call()))());
      const leaked = leak(raw, credentials);
      if (leaked !== undefined) return leaked;
      const { success, error } = await kit.execute(action, params);
      return success ? undefined : (error ?? 'did not succeed');
    });
  }
  await kit.close();
  await check('teardown', async () => void (await plugin.teardown()));
  await check('health after teardown', async () => healthProblem(plugin, await settled(plugin.health())));
  return problems;
}

const call = (): ActionCall => ({ idempotencyKey: 'plugin-problems', requestedBy: 'plugin-problems', signal: new AbortController().signal });

/** A setup without credentials must fail when it asks for one, and must not spoil the next. */
async function setupAgain(plugin: ServicePlugin, credentials: Readonly<Record<string, string>>, context: PluginSetupContext): Promise<string | undefined> {
  const none = fakeCredentialBroker();
  const first = await settled((async () => plugin.setup(none, context))());
  if (!(first instanceof Error) && none.asked.length > 0) return `succeeds without the credential ${none.asked[0] ?? ''}`;
  if (first instanceof Error) await plugin.setup(fakeCredentialBroker(credentials), context);
  await plugin.teardown();
  return undefined;
}

function healthProblem(plugin: ServicePlugin, report: unknown): string | undefined {
  if (report instanceof Error) return `throws (${describeError(report)}) instead of answering "unhealthy"`;
  const { plugin: name, status } = (report ?? {}) as { plugin?: unknown; status?: unknown };
  if (!(Object.values(PluginHealthStatus) as unknown[]).includes(status)) return `has the status ${JSON.stringify(status)}`;
  return name === plugin.name ? undefined : `is of the plugin ${JSON.stringify(name)}`;
}

/** The registry takes credentials out of everything; a plugin should not count on it. */
function leak(value: unknown, credentials: Readonly<Record<string, string>>): string | undefined {
  const text = value instanceof Error ? describeError(value) : (JSON.stringify(value as JsonValue | undefined) ?? '');
  const found = Object.entries(credentials).find(([, secret]) => secret.length >= minSecretLength && text.includes(secret));
  return found === undefined ? undefined : `shows the credential ${found[0]}`;
}

const settled = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
