import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';

import type { ProcessStatus } from '@cortex-runtime/orchestration-client/contract';

import { activityLine } from './activity-line.ts';
import { shortDuration } from './amounts.ts';
import { entryLine } from './entry-line.ts';
import { clip, printable } from './printable.ts';
import { statusTable } from './status-table.ts';

const colors = picocolors.createColors(false);

const status = (over: Partial<ProcessStatus>): ProcessStatus => ({
  name: 'watcher', processId: 'watcher', state: 'running', executionMode: 'strict', model: 'openai:gpt-5-mini', isLanguageModel: true, invocationCount: 3, consecutiveFailures: 0, restartCount: 0,
  journalEnabled: true, triggerCount: 1, dynamicTriggerCount: 0, customToolCount: 0, rebuildCount: 0, spawnedProcessCount: 0, conversationMessages: 0, hasMemory: false, queueSize: 0,
  deadLetterCount: 0, filteredCount: 0, pendingRetries: 0, uptimeMs: 90_000, runningRuns: 1, waitingEffects: 0, waitingApprovals: 0, hibernated: false, warnings: [], ...over,
});

describe('what the terminal shows', () => {
  it('fits a status table into 80 columns, however large its numbers and long its names', () => {
    const lines = statusTable([
      status({}),
      status({ name: 'n'.repeat(64), state: 'suspended', invocationCount: 123_456_789, queueSize: 99_999, runningRuns: 100, waitingEffects: 99_999, deadLetterCount: 99_999, uptimeMs: 400 * 86_400_000, model: `openai-compatible:${'m'.repeat(80)}` }),
    ], colors);
    for (const line of lines) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(lines[1]).toContain('watcher');
    expect(lines[1]).toContain('gpt-5-mini');
  });

  it('says that a script is not a language model', () => {
    expect(statusTable([status({ model: 'scripted:x.yaml', isLanguageModel: false })], colors)[1]).toContain('scripted');
  });

  // S11
  it('keeps what agents say from writing on the terminal', () => {
    expect(printable('a\u001b[2Jb\rc\nd\u202e\u0007')).toBe('a\\u001b[2Jb\\u000dc⏎d\\u202e\\u0007');
    const line = entryLine({ seq: 1, timestamp: '2026-01-01T00:00:00.000Z', entryType: 'tool_result', data: { tool: 't', content: '\u001b[31mred\nnew line' } });
    expect(line).not.toMatch(/[\u001b\n]/);
  });

  it('shows a finished run on one line of the given width', () => {
    const line = activityLine({ processId: 'p', entryType: 'invocation_result', data: { invocation: 3, trigger_type: 'webhook', tool_calls: 2, duration_ms: 412, response: 'Refunded\n5900 cents '.repeat(30) } }, 'order-desk', colors, 100);
    expect(line).toMatch(/^order-desk {6}webhook {5}run 3 {2}✓ 2 tools {2}412 ms {2}Refunded 5900 cents/);
    expect([...(line ?? '')].length).toBeLessThanOrEqual(100);
    expect(activityLine({ processId: 'p', entryType: 'llm_call', data: {} }, 'x', colors)).toBeUndefined();
  });

  it('writes durations for people', () => {
    expect([0, 999, 1_000, 9_949, 59_400, 61_000, 3_661_000, 90_061_000].map(shortDuration)).toEqual(['0 ms', '999 ms', '1.0 s', '9.9 s', '59 s', '1m 01s', '1h 01m', '1d 1h']);
    expect(clip('abcdef', 4)).toBe('abc…');
  });
});
