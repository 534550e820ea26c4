export { fakeCredentialBroker, type FakeCredentialBroker } from './fake-credential-broker.ts';
export { openPluginTestKit, type PluginTestKit, type PluginTestKitOptions } from './open-plugin-test-kit.ts';
export { pluginProblems, type PluginProblemsOptions } from './plugin-problems.ts';
