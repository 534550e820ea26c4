import { InvalidInputError } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { TaskConsumerOptions, taskConsumerOptionsFromEnvironment } from './task-consumer-options.ts';

const settingsOf = (environment: Record<string, string>) => TaskConsumerOptions.parse({ identity: 'forge', ...taskConsumerOptionsFromEnvironment(environment) });

describe('TaskConsumerOptions', () => {
  it('has the defaults of the Python library: 45 minutes a task, 3,000 results, the group of the agents', () => {
    expect(settingsOf({})).toMatchObject({ identity: 'forge', domains: [], taskTimeoutMs: 2_700_000, resultsKept: 3_000, consumerGroup: 'cortex-agents' });
  });

  it('takes identity and time limit from the environment; zero and less is no limit', () => {
    expect(settingsOf({ CORTEX_IDENTITY: 'anvil', CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS: '90' })).toMatchObject({ identity: 'anvil', taskTimeoutMs: 90_000 });
    for (const none of ['0', '-1']) expect(settingsOf({ CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS: none }).taskTimeoutMs).toBe(0);
    expect(settingsOf({ CORTEX_IDENTITY: '', CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS: '' })).toMatchObject({ identity: 'forge', taskTimeoutMs: 2_700_000 });
  });

  it('says which variable makes no sense, instead of taking the default for it', () => {
    for (const wrong of ['soon', '45m', 'Infinity', 'NaN']) expect(() => taskConsumerOptionsFromEnvironment({ CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS: wrong })).toThrow(/CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS.*must be a number of seconds/);
    expect(() => taskConsumerOptionsFromEnvironment({ CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS: 'soon' })).toThrow(InvalidInputError);
    for (const identity of ['two words', '../x', 'a:b', 'x'.repeat(129)]) expect(() => settingsOf({ CORTEX_IDENTITY: identity })).toThrow(/letters, digits/);
  });
});
